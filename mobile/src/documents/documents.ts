import {
  Cell,
  DocumentsApi,
  Leases,
  SyncError,
  keyOf,
  toSyncError,
  versionTag,
  versionText,
  type DocumentNews,
  type DocumentRef,
  type Grant,
  type Observable,
  type Tidemark,
} from '@tidemark/client';
import type { ContentVersion, DocumentState, StoredVersion } from '../../../src/protocol/documents.js';
import { Activities } from './activities';
import { pack } from './pack';
import { NOTHING, type DocumentsView } from './view';

/** The account's documents, kept up to date with the server while the page is open, and the user's actions on them. */
export class Documents {
  private readonly cell = new Cell<DocumentsView>(NOTHING);
  private readonly activities = new Activities(this.cell);
  private readonly api: DocumentsApi;
  private readonly leases: Leases;
  private readonly now: () => number;
  private states = new Map<string, DocumentState>();
  /** Numbers the requests, so that of two answers about a document the one requested later counts. */
  private asked = 0;
  private readonly answered = new Map<string, number>();
  /** The documents being read after an announcement; true: another announcement came during the read. */
  private readonly following = new Map<string, boolean>();
  private readonly uploads = new Map<string, AbortController>();
  private endings: (() => void)[] = [];
  private hasResumed = false;

  /** @param sessionId identifies this page as a holder of locks */
  constructor(
    private readonly tidemark: Tidemark,
    readonly sessionId: string,
  ) {
    const { api } = tidemark;
    this.api = new DocumentsApi(api);
    this.now = api.now;
    this.leases = new Leases(this.api, sessionId, this.now, (ref) => this.read(ref));
  }

  get view(): Observable<DocumentsView> {
    return this.cell;
  }

  /** Reads the list and follows its changes. */
  open(): void {
    let accountId = this.tidemark.account.get()?.accountId;
    this.endings = [
      this.tidemark.documentFeed.watch((news) => this.hear(news)),
      this.tidemark.account.subscribe((account) => {
        if (account?.accountId === accountId) return;
        accountId = account?.accountId;
        this.startOver();
      }),
    ];
    void this.load();
  }

  /** Cancels imports and releases the locks. */
  close(): void {
    for (const end of this.endings) end();
    for (const upload of this.uploads.values()) upload.abort();
    this.leases.releaseAll();
  }

  /** Reads the whole list. */
  async load(): Promise<void> {
    const asked = (this.asked += 1);
    this.show({ isLoading: true });
    try {
      const { documents, kinds } = await this.api.list();
      this.putAll(documents, asked);
      this.show({ kinds, isLoading: false, failure: null, readAt: this.now() });
      this.showDocuments();
      if (!this.hasResumed) this.resume();
      this.hasResumed = true;
    } catch (thrown) {
      this.show({ isLoading: false, failure: toSyncError(thrown) });
    }
  }

  /** Takes the lock and keeps it until `release` or `close`. @param takesOver whether to take it from another holder */
  async lock(ref: DocumentRef, takesOver = false): Promise<void> {
    await this.activities.attempt(ref, 'locking', async () => {
      this.activities.note(ref, { lost: null });
      await this.take(ref, takesOver);
    });
    await this.readAfter(ref);
  }

  async release(ref: DocumentRef): Promise<void> {
    await this.activities.attempt(ref, 'releasing', () => this.leases.release(ref));
    await this.readAfter(ref);
  }

  /** @returns the address to download the content from; null: it failed, the activity says why */
  async downloadUrl(ref: DocumentRef): Promise<string | null> {
    let url: string | null = null;
    await this.activities.attempt(ref, 'downloading', async () => {
      url = await this.api.downloadUrl(ref);
    });
    return url;
  }

  /**
   * Imports a file as the document's content. Uses this page's lock, or takes the lock for the duration of the import.
   * @param expected the version that the user saw, with its mark; 0 and 0: there is none yet
   * @returns whether it worked; if not, the activity says why
   */
  async upload(ref: DocumentRef, file: Blob, expected: ContentVersion): Promise<boolean> {
    const key = keyOf(ref);
    if (this.uploads.has(key)) return false;
    const calledOff = new AbortController();
    this.uploads.set(key, calledOff);
    const { signal } = calledOff;
    const isOk = await this.activities.attempt(ref, null, async () => {
      this.activities.noteProgress(ref, 'packing', 0, file.size);
      const content = await pack(
        file,
        (bytes) => this.activities.noteProgress(ref, 'packing', bytes, file.size),
        signal,
      );
      this.activities.noteProgress(ref, 'sending', 0, content.size);
      await this.underLock(ref, expected, async (fencingToken) => {
        const state = await this.api.replace(ref, {
          sessionId: this.sessionId,
          fencingToken,
          expected,
          content,
          signal,
          onSent: (bytes) => this.activities.noteProgress(ref, 'sending', bytes, content.size),
        });
        this.put(state, (this.asked += 1));
        this.showDocuments();
      });
    });
    this.uploads.delete(key);
    this.activities.note(ref, { upload: null });
    await this.readAfter(ref);
    return isOk;
  }

  cancelUpload(ref: DocumentRef): void {
    this.uploads.get(keyOf(ref))?.abort();
  }

  /** Reads one document again, and removes the message about its last failure. */
  async lookAgain(ref: DocumentRef): Promise<void> {
    this.dismiss(ref);
    await this.readAfter(ref);
  }

  /** Removes the messages about the last failure and about a lost lock. */
  dismiss(ref: DocumentRef): void {
    this.activities.note(ref, { refusal: null, lost: null });
  }

  /** A document's versions in object storage, the newest first. @throws SyncError */
  versions(ref: DocumentRef): Promise<StoredVersion[]> {
    return this.api.versions(ref);
  }

  private hear(news: DocumentNews): void {
    if (news.type === 'connected') void this.load();
    else void this.follow({ video_id: news.event.video_id, database: news.event.database });
  }

  private async follow(ref: DocumentRef): Promise<void> {
    const key = keyOf(ref);
    if (this.following.has(key)) return void this.following.set(key, true);
    do {
      this.following.set(key, false);
      await this.readAfter(ref);
    } while (this.following.get(key));
    this.following.delete(key);
  }

  /** Reads a document because it may have changed; if that fails, the page says that the list may be out of date. */
  private async readAfter(ref: DocumentRef): Promise<void> {
    try {
      await this.read(ref);
    } catch (thrown) {
      this.show({ failure: toSyncError(thrown) });
    }
  }

  private async read(ref: DocumentRef): Promise<void> {
    const asked = (this.asked += 1);
    this.put(await this.api.state(ref), asked);
    this.showDocuments();
  }

  /** Stores an answer about a document, unless an answer to a later request was stored already. */
  private put(state: DocumentState, asked: number): void {
    const key = keyOf(state);
    if ((this.answered.get(key) ?? 0) > asked) return;
    this.answered.set(key, asked);
    if (state.exists || state.lock) this.states.set(key, state);
    else this.states.delete(key);
    if (!this.leases.has(state) || state.lock?.holder.session_id === this.sessionId) return;
    this.leases.forget(state);
    this.activities.note(state, { lost: { to: state.lock?.holder.name ?? null, at: this.now() } });
  }

  private putAll(documents: DocumentState[], asked: number): void {
    const listed = new Set(documents.map(keyOf));
    const unlisted = [...this.states.values()].filter((state) => !listed.has(keyOf(state)));
    for (const state of documents) this.put(state, asked);
    for (const state of unlisted) {
      if (state.exists) this.put({ ...state, exists: false, lock: null }, asked);
      else void this.follow(state); // a locked document without content is never in the list, so read it by itself
    }
  }

  /** After a reload, takes the locks again that this page held before. */
  private resume(): void {
    for (const state of this.states.values()) {
      if (state.lock?.holder.session_id === this.sessionId) void this.lock(state);
    }
  }

  private async take(ref: DocumentRef, takesOver: boolean): Promise<Grant> {
    const grant = await this.leases.take(ref, takesOver);
    // Ignore answers to requests made before now: they may not show our lock, which would then count as lost. The
    // callers read the document afterwards.
    this.answered.set(keyOf(ref), (this.asked += 1));
    return grant;
  }

  private async underLock(
    ref: DocumentRef,
    expected: ContentVersion,
    write: (fencingToken: number) => Promise<void>,
  ): Promise<void> {
    const held = this.leases.find(ref);
    if (held) return write(held.fencing_token);
    const grant = await this.take(ref, false);
    try {
      // Check here too: a server that refuses before it has read the whole content may close the connection.
      if (versionTag(grant) !== versionTag(expected)) throw changedMeanwhile(grant, expected);
      await write(grant.fencing_token);
    } finally {
      await this.leases.release(ref).catch(() => undefined); // otherwise the lock expires
    }
  }

  private show(change: Partial<DocumentsView>): void {
    this.cell.set({ ...this.cell.get(), ...change });
  }

  private showDocuments(): void {
    // Before the whole list has been read, `states` may hold only some of the documents.
    if (this.cell.get().readAt !== null) this.show({ documents: [...this.states.values()].sort(byKey) });
  }

  private startOver(): void {
    for (const upload of this.uploads.values()) upload.abort();
    for (const state of this.states.values()) this.leases.forget(state);
    this.states = new Map();
    this.cell.set(NOTHING);
    void this.load();
  }
}

function byKey(a: DocumentState, b: DocumentState): number {
  return keyOf(a) < keyOf(b) ? -1 : 1;
}

function changedMeanwhile(current: ContentVersion, expected: ContentVersion): SyncError {
  let message = `It is at version ${versionText(current)} by now.`;
  if (current.epoch === 0) message = 'It no longer has any content.';
  else if (versionText(current) === versionText(expected)) {
    message = `Another content is at version ${versionText(current)} by now: the server’s data was put back to an earlier state.`;
  }
  return new SyncError('VERSION_MISMATCH', message, '', 412);
}
