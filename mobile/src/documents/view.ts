import type { SyncError } from '@tidemark/client';
import type { DocumentState } from '../../../src/protocol/documents.js';

/** The progress of an import. */
export interface UploadProgress {
  /** This page gzips the file, sends it, or waits while the server checks it. */
  phase: 'packing' | 'sending' | 'checking';
  /** 0 to 1; null: unknown. */
  share: number | null;
}

/** A lock that this page lost without releasing it. */
export interface LostLock {
  /** The name of the new holder; null: nobody holds it. */
  to: string | null;
  /** Epoch ms. */
  at: number;
}

/** This page's actions on a document and their results. */
export interface Activity {
  doing: 'locking' | 'releasing' | 'downloading' | null;
  /** Null: no import from this page is under way. */
  upload: UploadProgress | null;
  /** Why the last action failed; null: it did not. */
  refusal: SyncError | null;
  lost: LostLock | null;
}

/** What the documents page shows. */
export interface DocumentsView {
  /** Sorted by video and kind; null: not read yet. */
  documents: DocumentState[] | null;
  /** The kinds of documents that the server knows. */
  kinds: string[];
  isLoading: boolean;
  /** Why the last read failed, so that the list may be out of date; null: it did not fail. */
  failure: SyncError | null;
  /** When the list was last read, epoch ms; null: never. */
  readAt: number | null;
  /** By the document's key. */
  activities: Readonly<Record<string, Activity>>;
}

/** No action and no failure. */
export const IDLE: Activity = { doing: null, upload: null, refusal: null, lost: null };
/** The view before the first answer. */
export const NOTHING: DocumentsView = {
  documents: null,
  kinds: [],
  isLoading: true,
  failure: null,
  readAt: null,
  activities: {},
};
