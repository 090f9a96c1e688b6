import type { DocumentState } from '../../../src/protocol/documents.js';
import type { SyncError } from '../sync/sync-error';

/** How far an upload is. */
export interface UploadProgress {
  /** Gzipped here, on its way, or looked through by the server. */
  phase: 'packing' | 'sending' | 'checking';
  /** 0 to 1; null: unknown. */
  share: number | null;
}

/** A lock that this page held and did not give back. */
export interface LostLock {
  /** Who has it now; null: nobody, it ran out. */
  to: string | null;
  /** Epoch ms. */
  at: number;
}

/** What this page does to a document, and what came of it. */
export interface Activity {
  doing: 'locking' | 'releasing' | 'downloading' | null;
  /** Null: nothing is uploaded from here. */
  upload: UploadProgress | null;
  /** Why the last thing that was tried failed; null: it did not. */
  refusal: SyncError | null;
  lost: LostLock | null;
}

/** What the page shows. */
export interface DocumentsView {
  /** By video and kind; null: not known yet. */
  documents: DocumentState[] | null;
  /** The kinds of documents that the server knows. */
  kinds: string[];
  isLoading: boolean;
  /** Why what is shown may be out of date; null: it is not. */
  failure: SyncError | null;
  /** When the list was last read, epoch ms; null: never. */
  readAt: number | null;
  /** By the document's key. */
  activities: Readonly<Record<string, Activity>>;
}

/** Nothing is done, nothing went wrong. */
export const IDLE: Activity = { doing: null, upload: null, refusal: null, lost: null };
/** Before the first answer. */
export const NOTHING: DocumentsView = {
  documents: null,
  kinds: [],
  isLoading: true,
  failure: null,
  readAt: null,
  activities: {},
};
