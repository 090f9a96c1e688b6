import { keyOf, type DocumentRef, type LockRow } from './lock.js';

const MAX_KEPT = 10_000;

/**
 * Locks as this process has last written them. Others may have changed them since: who writes by such a row must do it
 * by compare-and-set, and nobody is refused by one.
 */
export class RecentLocks {
  private readonly rows = new Map<string, LockRow>();

  /** Undefined: not known. */
  get(ref: DocumentRef): LockRow | undefined {
    return this.rows.get(keyOf(ref));
  }

  /** Keeps what was written; the one that was not written for longest is forgotten when there are too many. */
  note(ref: DocumentRef, row: LockRow): void {
    const key = keyOf(ref);
    this.rows.delete(key);
    this.rows.set(key, row);
    if (this.rows.size <= MAX_KEPT) return;
    const [oldest] = this.rows.keys();
    this.rows.delete(oldest!);
  }
}
