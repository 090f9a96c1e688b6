import type { ContentVersion, DocumentState, StoredVersion } from '../../../src/protocol/documents.js';
import type { Api } from '../api/api.js';

/** What identifies a document within the account. */
export type DocumentRef = Pick<DocumentState, 'video_id' | 'database'>;

/** A lock granted to this page, with the document's version at that moment. */
export interface Grant extends ContentVersion {
  /** Sent with every write. */
  fencing_token: number;
  /** Epoch ms, by the server's clock. */
  expires_at: number;
}

/** How a lock is asked for. */
export interface LockRequest {
  sessionId: string;
  /** Whether to take it from another user. */
  takesOver: boolean;
  /** For people who have to wait. */
  reason?: string;
  /** Whether a document that does not exist is made, empty. */
  create?: boolean;
}

/** Where a document's content can be downloaded for a few minutes, and which version it is. */
export interface DownloadAddress {
  url: string;
  version: number;
  epoch: number;
  mark: string | null;
}

/** An import that replaces a document's content. */
export interface Replacement {
  sessionId: string;
  fencingToken: number;
  /** The version that the new content replaces; 0 and 0: there is none. */
  expected: ContentVersion;
  /** A SQLite database, gzipped. */
  content: Blob;
  signal: AbortSignal;
  onSent(bytes: number, totalBytes: number | null): void;
}

interface ListAnswer {
  documents: DocumentState[];
  next: string | null;
  kinds: string[];
}

const LISTED_AT_ONCE = 1_000;
/** Before the server returns an address, it may have to upload changes to object storage. */
const DOWNLOAD_PATIENCE_MS = 120_000;
/** The server checks and copies an imported database before it answers. */
const UPLOAD_PATIENCE_MS = 120_000;

/** The document's identity as one text. */
export function keyOf({ video_id, database }: DocumentRef): string {
  return `${video_id}/${database}`;
}

/** The server's requests about documents. Every method @throws SyncError. */
export class DocumentsApi {
  constructor(private readonly api: Pick<Api, 'request'>) {}

  /** Every document of the account that has content, sorted by video and kind, and all kinds. */
  async list(): Promise<{ documents: DocumentState[]; kinds: string[] }> {
    const documents: DocumentState[] = [];
    let answer: ListAnswer | undefined;
    do {
      answer = await this.api.request<ListAnswer>('GET', '/documents', {
        query: { limit: LISTED_AT_ONCE, after: answer?.next },
      });
      documents.push(...answer.documents);
    } while (answer.next !== null);
    return { documents, kinds: answer.kinds };
  }

  state(ref: DocumentRef): Promise<DocumentState> {
    return this.api.request('GET', pathOf(ref, 'state'));
  }

  /** The document's versions in object storage, the newest first. */
  async versions(ref: DocumentRef): Promise<StoredVersion[]> {
    const { versions } = await this.api.request<{ versions: StoredVersion[] }>(
      'GET',
      pathOf(ref, 'versions'),
    );
    return versions;
  }

  /** Takes the lock, or renews the session's own. @param takesOver whether to take it from another user */
  lock(ref: DocumentRef, sessionId: string, takesOver: boolean): Promise<Grant> {
    return this.requestLock(ref, { sessionId, takesOver });
  }

  /** Takes the lock, or renews the session's own. */
  requestLock(ref: DocumentRef, { sessionId, takesOver, reason, create }: LockRequest): Promise<Grant> {
    const body = { lock_type: 'client', session_id: sessionId, take_over: takesOver, reason, create };
    return this.api.request('POST', pathOf(ref, 'lock'), { body });
  }

  /**
   * Releases the lock; does nothing if the session does not hold it.
   * @param fencingToken of the holding that is meant; undefined: whichever the session has
   */
  async unlock(ref: DocumentRef, sessionId: string, fencingToken: number | undefined): Promise<void> {
    const query = { session_id: sessionId, fencing_token: fencingToken };
    await this.api.request('DELETE', pathOf(ref, 'lock'), { query });
  }

  /** An address from which anyone who knows it can download the content for a few minutes. */
  async downloadUrl(ref: DocumentRef): Promise<string> {
    return (await this.downloadAddress(ref)).url;
  }

  /** Where the content can be downloaded, and which version it is. */
  downloadAddress(ref: DocumentRef): Promise<DownloadAddress> {
    return this.api.request('GET', pathOf(ref, 'download-url'), { patienceMs: DOWNLOAD_PATIENCE_MS });
  }

  /** Replaces the whole content. @returns the document's new state */
  replace(ref: DocumentRef, replacement: Replacement): Promise<DocumentState> {
    const { sessionId, fencingToken, expected, content, signal, onSent } = replacement;
    return this.api.request('PUT', pathOf(ref, 'content'), {
      query: { session_id: sessionId, fencing_token: fencingToken },
      headers: { 'content-type': 'application/gzip', 'if-match': `"${versionTag(expected)}"` },
      content,
      signal,
      onSent,
      patienceMs: UPLOAD_PATIENCE_MS,
    });
  }
}

/** A version for people: `2-1`. */
export function versionText({ epoch, server_version }: ContentVersion): string {
  return `${epoch}-${server_version}`;
}

/**
 * A version as the server compares it: `2-1-0f6c2d9ab01e3457`, or `2-1` where the mark is not known. When the server's data
 * was put back to an earlier state, a number can come again, with another mark and other content.
 */
export function versionTag(version: ContentVersion): string {
  return version.mark ? `${versionText(version)}-${version.mark}` : versionText(version);
}

function pathOf({ video_id, database }: DocumentRef, what: string): string {
  return `/videos/${encodeURIComponent(video_id)}/database/${encodeURIComponent(database)}/${what}`;
}
