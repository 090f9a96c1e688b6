import { toSyncError } from '../sync/sync-error';
import { Mutex } from '../sync/mutex';
import { keyOf, type DocumentRef, type DocumentsApi, type Grant } from './documents-api';

/** The share of a lease after which it is renewed. */
const RENEW_AT = 1 / 3;
const MIN_WAIT_MS = 1_000;
/** Also bounds what a wrong clock here does. */
const MAX_WAIT_MS = 20_000;
const RETRY_MS = 3_000;

interface Lease {
  ref: DocumentRef;
  grant: Grant;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The locks that this page holds, renewed for as long as it does. */
export class Leases {
  private readonly held = new Map<string, Lease>();
  private readonly mutexes = new Map<string, Mutex>();

  /** @param look reads the document anew, and forgets its lease here if it turns out to be lost */
  constructor(
    private readonly api: DocumentsApi,
    private readonly sessionId: string,
    private readonly now: () => number,
    private readonly look: (ref: DocumentRef) => Promise<void>,
  ) {}

  has(ref: DocumentRef): boolean {
    return this.held.has(keyOf(ref));
  }

  /** What the server said when it granted or renewed the lock last; null: this page does not hold it. */
  find(ref: DocumentRef): Grant | null {
    return this.held.get(keyOf(ref))?.grant ?? null;
  }

  /** Takes the lock and keeps it. @param takesOver whether another user loses it @throws SyncError */
  take(ref: DocumentRef, takesOver: boolean): Promise<Grant> {
    return this.inTurn(ref, async () => {
      const grant = await this.api.lock(ref, this.sessionId, takesOver);
      this.keep(ref, grant);
      return grant;
    });
  }

  /** Lets go of the lock. @throws SyncError when the server does not learn of it; the lock then runs out by itself */
  release(ref: DocumentRef): Promise<void> {
    this.forget(ref);
    return this.inTurn(ref, () => this.api.unlock(ref, this.sessionId));
  }

  /** Renews it no more. */
  forget(ref: DocumentRef): void {
    const key = keyOf(ref);
    clearTimeout(this.held.get(key)?.timer);
    this.held.delete(key);
  }

  /** Lets go of everything. */
  releaseAll(): void {
    // Where the server does not learn of it, the locks run out by themselves.
    for (const { ref } of [...this.held.values()]) this.release(ref).catch(() => undefined);
  }

  private keep(ref: DocumentRef, grant: Grant): void {
    this.forget(ref);
    const wait = (grant.expires_at - this.now()) * RENEW_AT;
    const lease: Lease = { ref, grant, timer: undefined };
    this.held.set(keyOf(ref), lease);
    this.renewIn(lease, Math.min(Math.max(wait, MIN_WAIT_MS), MAX_WAIT_MS));
  }

  private renewIn(lease: Lease, waitMs: number): void {
    // Not an interval: browsers hold those back in pages that are not seen, until the lease is over.
    lease.timer = setTimeout(() => void this.inTurn(lease.ref, () => this.renew(lease)), waitMs);
  }

  private async renew(lease: Lease): Promise<void> {
    const { ref } = lease;
    const isKept = (): boolean => this.held.get(keyOf(ref)) === lease;
    try {
      // Asking for a lock takes it from the same person's other pages: first make sure that none of them took it.
      if (isKept()) await this.look(ref);
      if (!isKept()) return;
      const grant = await this.api.lock(ref, this.sessionId, false);
      if (isKept()) this.keep(ref, grant);
    } catch (thrown) {
      if (toSyncError(thrown).code === 'LOCK_HELD') await this.look(ref).catch(() => undefined);
      if (isKept()) this.renewIn(lease, RETRY_MS);
    }
  }

  /** One after the other for each document, or a renewal could overtake a release. */
  private inTurn<T>(ref: DocumentRef, work: () => Promise<T>): Promise<T> {
    const key = keyOf(ref);
    let mutex = this.mutexes.get(key);
    if (!mutex) this.mutexes.set(key, (mutex = new Mutex()));
    return mutex.run(work);
  }
}
