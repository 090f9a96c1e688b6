import type { Cell } from '../sync/observable';
import { toSyncError } from '../sync/sync-error';
import { keyOf, type DocumentRef } from './documents-api';
import { IDLE, type Activity, type DocumentsView, type UploadProgress } from './view';

/** What this page does to each document, and what came of it, as a part of what the page shows. */
export class Activities {
  constructor(private readonly cell: Cell<DocumentsView>) {}

  of(ref: DocumentRef): Activity {
    return this.cell.get().activities[keyOf(ref)] ?? IDLE;
  }

  note(ref: DocumentRef, change: Partial<Activity>): void {
    const view = this.cell.get();
    const activity = { ...this.of(ref), ...change };
    this.cell.set({ ...view, activities: { ...view.activities, [keyOf(ref)]: activity } });
  }

  /**
   * Does something to a document, and notes why if it fails.
   * @param doing what the page shows meanwhile; null: nothing
   * @returns whether it worked; false as well when the same is under way already
   */
  async attempt(ref: DocumentRef, doing: Activity['doing'], work: () => Promise<unknown>): Promise<boolean> {
    if (doing !== null && this.of(ref).doing === doing) return false; // pressed twice
    this.note(ref, { doing, refusal: null });
    try {
      await work();
      this.note(ref, { doing: null });
      return true;
    } catch (thrown) {
      const refusal = toSyncError(thrown);
      this.note(ref, { doing: null, refusal: refusal.code === 'CANCELED' ? null : refusal });
      return false;
    }
  }

  /** Notes how far an upload is. @param bytes of `total`, done by now */
  noteProgress(ref: DocumentRef, phase: 'packing' | 'sending', bytes: number, total: number): void {
    const isSent = phase === 'sending' && bytes >= total;
    const upload: UploadProgress = isSent
      ? { phase: 'checking', share: null }
      : { phase, share: total > 0 ? Math.min(1, bytes / total) : null };
    this.note(ref, { upload });
  }
}
