import { toSyncError } from '../api/sync-error.js';
import { Mutex } from '../mutex.js';
import { keyOf, type DocumentRef, type DocumentsApi, type Grant } from './documents-api.js';

/** The share of a lease after which it is renewed. */
const RENEW_AT = 1 / 3;
const MIN_WAIT_MS = 1_000;
/** Also limits the effect of a wrong clock on this device. */
const MAX_WAIT_MS = 20_000;
const RETRY_MS = 3_000;

interface Lease {
  ref: DocumentRef;
  grant: Grant;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The locks that this page holds; renews them until they are released. */
export class Leases {
  private readonly held = new Map<string, Lease>();
  /** The newest fencing token that the server gave this page for each document. */
  private readonly tokens = new Map<string, number>();
  /** Documents whose last release was not answered: the request may still arrive. */
  private readonly unanswered = new Set<string>();
  private readonly mutexes = new Map<string, Mutex>();

  /** @param look reads the document again, and calls `forget` if this page has lost the lock */
  constructor(
    private readonly api: DocumentsApi,
    private readonly sessionId: string,
    private readonly now: () => number,
    private readonly look: (ref: DocumentRef) => Promise<void>,
  ) {}

  has(ref: DocumentRef): boolean {
    return this.held.has(keyOf(ref));
  }

  /** The server's last grant or renewal of the lock; null: this page does not hold it. */
  find(ref: DocumentRef): Grant | null {
    return this.held.get(keyOf(ref))?.grant ?? null;
  }

  /** Takes the lock and renews it. @param takesOver whether to take it from another user @throws SyncError */
  take(ref: DocumentRef, takesOver: boolean): Promise<Grant> {
    return this.inTurn(ref, async () => {
      // A lock that is still held would only be renewed, and the earlier release would end it when it arrives. Released
      // now, the lock is granted with a new fencing token, which the earlier release does not mean.
      if (this.unanswered.has(keyOf(ref))) await this.unlock(ref);
      const grant = await this.ask(ref, takesOver);
      this.keep(ref, grant);
      return grant;
    });
  }

  /** Releases the lock. @throws SyncError when the request fails; the lock then expires */
  release(ref: DocumentRef): Promise<void> {
    this.forget(ref);
    return this.inTurn(ref, () => {
      this.forget(ref); // a request for the lock may have been under way
      return this.unlock(ref);
    });
  }

  /** Stops renewing the lock. */
  forget(ref: DocumentRef): void {
    const key = keyOf(ref);
    clearTimeout(this.held.get(key)?.timer);
    this.held.delete(key);
  }

  /** Releases all locks. */
  releaseAll(): void {
    // If the request fails, the lock expires.
    for (const { ref } of [...this.held.values()]) this.release(ref).catch(() => undefined);
  }

  private async ask(ref: DocumentRef, takesOver: boolean): Promise<Grant> {
    const grant = await this.api.lock(ref, this.sessionId, takesOver);
    this.tokens.set(keyOf(ref), grant.fencing_token);
    return grant;
  }

  private async unlock(ref: DocumentRef): Promise<void> {
    const key = keyOf(ref);
    const wasUnanswered = this.unanswered.has(key);
    this.unanswered.add(key);
    try {
      await this.api.unlock(ref, this.sessionId, this.tokens.get(key));
      this.unanswered.delete(key);
    } catch (thrown) {
      const { status } = toSyncError(thrown);
      // Refused, it will not come again; an earlier one still may.
      if (status >= 400 && status < 500 && !wasUnanswered) this.unanswered.delete(key);
      throw thrown;
    }
  }

  private keep(ref: DocumentRef, grant: Grant): void {
    this.forget(ref);
    const wait = (grant.expires_at - this.now()) * RENEW_AT;
    const lease: Lease = { ref, grant, timer: undefined };
    this.held.set(keyOf(ref), lease);
    this.renewIn(lease, Math.min(Math.max(wait, MIN_WAIT_MS), MAX_WAIT_MS));
  }

  private renewIn(lease: Lease, waitMs: number): void {
    // Not an interval: browsers slow intervals down in hidden pages, until the lease has expired.
    lease.timer = setTimeout(() => void this.inTurn(lease.ref, () => this.renew(lease)), waitMs);
  }

  private async renew(lease: Lease): Promise<void> {
    const { ref } = lease;
    const isKept = (): boolean => this.held.get(keyOf(ref)) === lease;
    try {
      // A request for the lock takes it from the same user's other pages, so first check that none has taken it.
      if (isKept()) await this.look(ref);
      if (!isKept()) return;
      const grant = await this.ask(ref, false);
      if (isKept()) this.keep(ref, grant);
    } catch (thrown) {
      if (toSyncError(thrown).code === 'LOCK_HELD') await this.look(ref).catch(() => undefined);
      if (isKept()) this.renewIn(lease, RETRY_MS);
    }
  }

  /** Runs requests about one document one after the other, or a renewal could overtake a release. */
  private inTurn<T>(ref: DocumentRef, work: () => Promise<T>): Promise<T> {
    const key = keyOf(ref);
    let mutex = this.mutexes.get(key);
    if (!mutex) this.mutexes.set(key, (mutex = new Mutex()));
    return mutex.run(work);
  }
}
