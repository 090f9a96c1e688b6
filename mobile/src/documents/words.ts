import { toSyncError, versionTag, versionText, type DocumentRef, type SyncError } from '@tidemark/client';
import type { DocumentState } from '../../../src/protocol/documents.js';
import { ago, count, size } from '../components/words';
import type { LostLock, UploadProgress } from './view';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Who holds a lock, from the point of view of this page. */
export type Holder =
  | 'nobody'
  /** This page. */
  | 'page'
  /** Another page of the same user. */
  | 'person'
  | 'other'
  /** A job of the server; users wait for it. */
  | 'server';

/** "Layout". */
export function kindName(kind: string): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

/** "layout of video-1", to distinguish the same control of several documents. */
export function nameOf({ video_id, database }: DocumentRef): string {
  return `${database} of ${video_id}`;
}

/** "2:03 PM", with the day if it is not today. */
export function clock(at: number, now: number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit' });
  if (Math.abs(now - at) < DAY_MS && date.getDate() === new Date(now).getDate()) return time;
  return `${date.toLocaleDateString('en-US', { month: 'short', day: 'numeric' })}, ${time}`;
}

/** "12 KB · version 2-1 · changed 3 min ago". */
export function describeContent(state: DocumentState, now: number): string {
  if (!state.exists) return 'No content yet';
  const changed = state.updated_at === null ? [] : [`changed ${ago(state.updated_at, now)}`];
  return [size(state.size_bytes), `version ${versionText(state)}`, ...changed].join(' · ');
}

/** Whether the document's version has been uploaded to object storage; null: the document has no content. */
export function describeUpload(
  state: DocumentState,
  now: number,
): { tone: 'green' | 'yellow' | 'red'; text: string } | null {
  if (!state.exists) return null;
  const { stored_version: stored, uploaded_at: uploadedAt, updated_at: updatedAt } = state;
  if (stored && versionTag(stored) === versionTag(state)) {
    return { tone: 'green', text: uploadedAt === null ? 'Uploaded' : `Uploaded ${ago(uploadedAt, now)}` };
  }
  const before =
    stored && uploadedAt !== null
      ? `; version ${versionText(stored)} was uploaded ${ago(uploadedAt, now)}`
      : '';
  if (state.upload_failures > 0) {
    const times = count(state.upload_failures, 'time');
    return { tone: 'red', text: `Upload failed ${times}, the server keeps trying${before}` };
  }
  const since = updatedAt === null ? '' : ` since ${clock(updatedAt, now)}`;
  return { tone: 'yellow', text: `Waiting for upload${since}${before}` };
}

/** Who holds the lock. */
export function holderOf({ lock }: DocumentState, sessionId: string): Holder {
  if (!lock) return 'nobody';
  if (lock.lock_type === 'server') return 'server';
  if (lock.holder.session_id === sessionId) return 'page';
  return lock.mine ? 'person' : 'other';
}

/** The word shown for each holder of a lock. */
export const holderWords: Record<Holder, string> = {
  nobody: 'Free',
  page: 'Yours',
  person: 'Yours, elsewhere',
  other: 'Locked',
  server: 'Locked by the server',
};

/** Who holds the lock, since when, until when and why; null: nobody holds it. */
export function describeLock(state: DocumentState, sessionId: string, now: number): string | null {
  const { lock } = state;
  if (!lock) return null;
  const since = `since ${clock(lock.acquired_at, now)}`;
  const until = `until ${clock(lock.expires_at, now)} unless it is renewed`;
  const why = lock.reason ? ` “${lock.reason}”` : '';
  switch (holderOf(state, sessionId)) {
    case 'page':
      return `You hold it ${since}, for as long as this page is open.${why}`;
    case 'person':
      return `You hold it on another page (${lock.holder.name}) ${since}, ${until}.${why}`;
    case 'server':
      return `The job “${lock.holder.name}” holds it ${since}, ${until}.${why}`;
    default:
      return `${lock.holder.name} holds it ${since}, ${until}.${why}`;
  }
}

/** How this page lost a lock. */
export function describeLoss({ to, at }: LostLock, now: number): string {
  if (to === null) return `The lock ran out or was released at ${clock(at, now)}.`;
  return `${to} took the lock over at ${clock(at, now)}.`;
}

/** The progress of an import in words. */
export function describeProgress({ phase, share }: UploadProgress): string {
  if (phase === 'checking') return 'The server checks it …';
  const verb = phase === 'packing' ? 'Compressing' : 'Sending';
  return share === null ? `${verb} …` : `${verb} ${Math.floor(share * 100)} %`;
}

/** A failure explained to the user: its kind, what happened, and what to do. */
export interface Explanation {
  title: string;
  message: string;
  hint: string;
}

/** Failures that the user can act upon, explained without the server's terms. */
const TEXTS: Record<string, Partial<Explanation>> = {
  NO_ANSWER: {
    title: 'No connection',
    hint: 'Documents live on the server. Try again when it can be reached.',
  },
  STALLED: { title: 'No answer', hint: 'Nothing is lost. Look at the document again, and try once more.' },
  LOCK_HELD: { title: 'Locked by someone else', hint: 'Wait until it is released, or take it over.' },
  LOCK_REQUIRED: {
    title: 'You do not hold the lock any more',
    hint: 'Look whether the document has changed since, then lock it and upload again.',
  },
  VERSION_MISMATCH: {
    title: 'The document has changed',
    hint: 'Look again, download what is there now, and bring your changes into that before you upload.',
  },
  DOCUMENT_INVALID: {
    hint: 'Choose a SQLite database with the tables of this kind of document and nothing else.',
  },
  NOT_FOUND: { hint: 'It may be gone by now; look again.' },
};

/** Explains to the user why something failed. */
export function explain(failure: unknown): Explanation {
  const error = toSyncError(failure);
  const said = TEXTS[error.code];
  return {
    title: said?.title ?? error.title ?? 'That did not work',
    message: error.message,
    hint: said?.hint ?? error.hint,
  };
}

/** Whether the document on the page may be out of date after this failure. */
export function callsForALook({ code }: SyncError): boolean {
  return ['VERSION_MISMATCH', 'LOCK_REQUIRED', 'LOCK_HELD', 'NO_ANSWER', 'STALLED', 'NOT_FOUND'].includes(
    code,
  );
}
