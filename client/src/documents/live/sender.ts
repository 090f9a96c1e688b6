import { type SyncError, toSyncError } from '../../api/sync-error.js';
import type { StatusLight } from '../../light/light.js';
import type { LiveLink } from './live-link.js';
import type { LocalCopy } from './local-copy.js';
import type { RunProgress } from './run-progress.js';

/** The wait after a failure of the server that may pass, unless it names another. */
const RETRY_MS = 5_000;

/** Sends a copy's own changes, one batch after the other, until all are acknowledged. */
export class Sender {
  private running: Promise<void> | null = null;
  /** The connection to send on; null: none that may. */
  private link: LiveLink | null = null;
  private isWanted = false;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param onLockLost called when the server says that the lock is not this session's */
  constructor(
    private readonly copy: LocalCopy,
    private readonly light: StatusLight,
    private readonly progress: RunProgress,
    private readonly onLockLost: (why: SyncError) => void,
  ) {}

  /** Sends what is pending, and what is written meanwhile. */
  start(link: LiveLink): void {
    clearTimeout(this.retryTimer);
    this.link = link;
    this.isWanted = true;
    this.running ??= this.run().finally(() => (this.running = null));
  }

  /** Sends nothing more. */
  stop(): void {
    clearTimeout(this.retryTimer);
    this.link = null;
    this.progress.stopped();
  }

  /** Resolves when what was pending is acknowledged, or cannot be sent. */
  async ended(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.link && this.isWanted) {
      const { link } = this;
      // What is written from here on asks again.
      this.isWanted = false;
      try {
        if (await this.sendAll(link)) this.isWanted = true;
      } catch (error) {
        if (link === this.link) this.fail(toSyncError(error), link);
      }
    }
  }

  /** @returns whether something was sent, so that there may be more */
  private async sendAll(link: LiveLink): Promise<boolean> {
    const { copy, light, progress } = this;
    const batches = await copy.ownBatches();
    for (const { body, rows, upTo } of batches) {
      progress.sending(copy.state!.pending);
      const { previous, server_version: version, mark } = await link.sync(body);
      light.tell({ type: 'heard', timestamp: version });
      await copy.acknowledge({ upTo, previous, version, mark });
      light.tell({ type: 'pulled', timestamp: copy.state!.since.version });
      light.tell({ type: 'obstacle', reason: null });
      progress.acknowledged(rows, body.length, copy.state!.pending);
    }
    if (copy.state!.pending === 0) light.tell({ type: 'sync_succeeded', wall: Date.now() });
    return batches.length > 0;
  }

  private fail(why: SyncError, link: LiveLink): void {
    this.progress.stopped();
    if (why.code === 'NO_ANSWER') return; // the connection has ended, and the next one sends again
    if (why.code === 'LOCK_REQUIRED') return this.onLockLost(why);
    this.light.tell({ type: 'sync_stopped' });
    this.light.tell({ type: 'obstacle', reason: why.reason });
    const isRefused = why.status >= 400 && why.status < 500;
    if (!isRefused) this.retryTimer = setTimeout(() => this.start(link), why.retryAfterMs ?? RETRY_MS);
  }
}
