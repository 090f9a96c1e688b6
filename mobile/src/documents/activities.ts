import { keyOf, toSyncError, type Cell, type DocumentRef } from '@tidemark/client';
import { IDLE, type Activity, type DocumentsView, type UploadProgress } from './view';

/** This page's actions on each document and their results, kept in the view. */
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
   * Runs an action on a document; if it fails, notes the reason.
   * @param doing what the page shows during the action; null: nothing
   * @returns whether it worked; false also when the same action is under way already
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

  /** Notes the progress of an import. @param bytes how many of `total` are done */
  noteProgress(ref: DocumentRef, phase: 'packing' | 'sending', bytes: number, total: number): void {
    const isSent = phase === 'sending' && bytes >= total;
    const upload: UploadProgress = isSent
      ? { phase: 'checking', share: null }
      : { phase, share: total > 0 ? Math.min(1, bytes / total) : null };
    this.note(ref, { upload });
  }
}
