import { Api } from '../../api/api.js';
import type { CredentialStore } from '../../api/credentials.js';
import { fetchTransport } from '../../api/fetch-transport.js';
import { SyncError } from '../../api/sync-error.js';
import { StatusLight } from '../../light/light.js';
import type { Observable } from '../../light/observable.js';
import { Stopwatch } from '../../light/stopwatch.js';
import type { SyncStatus } from '../../light/status.js';
import { CopyClient, type WorkerLike } from '../copy/copy-client.js';
import type { CopyStorage } from '../copy/copy-host.js';
import type { WasmSource } from '../copy/wasm.js';
import { DocumentsApi } from '../documents-api.js';
import { toCells, type ExportedCell } from './exported-cells.js';
import { randomId } from '../../random-id.js';
import { LiveSession } from './live-session.js';
import { LocalCopy, type Reader, type TableListener, type Transaction } from './local-copy.js';

/** How a document is opened. */
export interface OpenDocument {
  /** The server's origin. */
  server: string;
  /**
   * Answers an access token of this device; called for each connection and request.
   * @param asked `isRefused`: the server has refused the one that was answered last, although it may look valid here
   */
  token: (asked: { isRefused: boolean }) => Promise<string>;
  video: string;
  /** The document's kind, such as `captions`. */
  database: string;
  /** Keeps the copies of several people in one browser apart; default: there is one. */
  account?: string;
  /** Default: a new one. */
  sessionId?: string;
  /** Where the copy is kept; default: `indexeddb`. */
  storage?: CopyStorage;
  /** Whether `tx` may write without the lock; the changes wait until this tab holds it. */
  offlineEdits?: boolean;
  /** Where the engine's files are, if the bundler does not find them by itself. */
  engine?: { workerUrl?: string | URL; wasmUrl?: string };
  /** Called with every new status. */
  onStatus?: (status: SyncStatus) => void;
}

/** What happens with pending changes when a copy is given up. */
export type PendingWay = 'replay' | 'export' | 'discard';

/** An open document: this tab's copy, which is kept in step with the server. */
export interface OpenedDocument {
  readonly db: Reader & {
    /**
     * Runs `work` in a transaction, which is rolled back if it throws. Within it use its argument: `db` waits until it ends.
     * @throws SyncError LOCK_REQUIRED, VALUE_TOO_LARGE, SQL_ERROR
     */
    tx<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  };
  readonly status: Observable<SyncStatus>;
  /** Where the copy is: in memory, too, where the browser can store nothing. */
  readonly storage: CopyStorage;
  /** Whether this tab holds the lock. */
  readonly isHolder: boolean;
  /** Calls `listener` after each change of one of the tables. @returns a function that stops it */
  subscribe(tables: readonly string[], listener: TableListener): () => void;
  /** Takes the lock, connects, and resolves when the document can be written. @throws SyncError LOCK_HELD */
  hold(options?: { takeOver?: boolean; reason?: string; create?: boolean }): Promise<void>;
  /** Sends what is pending, and gives the lock back. @throws SyncError */
  release(): Promise<void>;
  /** Connects without the lock, and resolves when there is a copy. @throws SyncError */
  watch(): Promise<void>;
  /**
   * Starts over from what the server has. `replay` writes the pending changes again as this tab's, `export` returns them,
   * `discard` drops them.
   * @returns how many cells were pending, and with `export` the cells
   * @throws SyncError
   */
  reset(options: { pending: PendingWay }): Promise<{ pending: number; cells: ExportedCell[] }>;
  /** Disconnects and closes the copy. What is pending stays in it. */
  close(): Promise<void>;
}

/** A page, or another place that has windows' events. */
interface Page {
  document?: { visibilityState: string };
  addEventListener?(type: string, listener: (event: { preventDefault(): void }) => void): void;
  removeEventListener?(type: string, listener: (event: { preventDefault(): void }) => void): void;
}

/** Opens a document whose copy is kept by a worker. @throws SyncError */
export async function openWith(
  worker: WorkerLike,
  wasm: WasmSource,
  options: OpenDocument,
): Promise<OpenedDocument> {
  const page = globalThis as unknown as Page;
  const { server, token, video, database, account = '', offlineEdits = false } = options;
  const ref = { video_id: video, database };
  const { origin } = new URL(server);
  const stopwatch = new Stopwatch();
  const light = new StatusLight(stopwatch.read);
  const copy = new LocalCopy(new CopyClient(worker));
  copy.onPending = (pending) => light.tell({ type: 'counted', pending, refused: [] });
  const document = `${origin} ${account} ${video}/${database}`;
  const storage = await copy.open({ document, storage: options.storage ?? 'indexeddb', wasm });
  const session = new LiveSession({
    ref,
    server: origin,
    sessionId: options.sessionId ?? randomId(),
    token,
    api: new DocumentsApi(new Api(origin, credentialsOf(token), (request) => fetchTransport(request))),
    copy,
    light,
    stopwatch: stopwatch.read,
  });
  copy.onWritten = session.send;
  if (options.onStatus) light.subscribe(options.onStatus);
  light.start();

  const onVisible = (): void => {
    if (page.document?.visibilityState === 'visible') session.retryNow();
  };
  const onLeave = (event: { preventDefault(): void }): void => {
    if ((copy.state?.pending ?? 0) > 0) event.preventDefault(); // the browser asks
  };
  const events = [
    ['online', session.retryNow],
    ['visibilitychange', onVisible],
    ['beforeunload', onLeave],
  ] as const;
  for (const [type, listener] of events) page.addEventListener?.(type, listener);

  return {
    db: {
      all: copy.all,
      get: copy.get,
      tx: async (work) => {
        if (!session.isHolder && !offlineEdits) throw lockRequired();
        return copy.tx(work);
      },
    },
    status: light,
    storage,
    get isHolder() {
      return session.isHolder;
    },
    subscribe: (tables, listener) => copy.subscribe(tables, listener),
    hold: ({ takeOver = false, reason, create } = {}) =>
      session.hold({ takesOver: takeOver, reason, create }),
    release: () => session.release(),
    watch: () => session.watch(),
    reset: async ({ pending: way }) => {
      const pending = copy.state?.pending ?? 0;
      const cells = way === 'export' && pending > 0 ? toCells(await copy.ownRows()) : [];
      await session.startOver(way === 'replay' ? 'replay' : 'drop');
      return { pending, cells };
    },
    close: async () => {
      for (const [type, listener] of events) page.removeEventListener?.(type, listener);
      session.close();
      light.stop();
      await copy.close();
    },
  };
}

/** The app renews its tokens itself. */
function credentialsOf(token: OpenDocument['token']): CredentialStore {
  return {
    read: async () => ({
      accountId: '',
      deviceId: '',
      accessToken: await token({ isRefused: false }),
      refreshToken: '',
      expiresAt: Infinity,
    }),
    write: async () => undefined,
    clear: async () => undefined,
  };
}

function lockRequired(): SyncError {
  const hint = 'Call hold() first, or open the document with offlineEdits.';
  return new SyncError('LOCK_REQUIRED', 'This tab does not hold the document’s lock.', hint, 423);
}
