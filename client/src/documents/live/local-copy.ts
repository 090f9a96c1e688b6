import { SyncError } from '../../api/sync-error.js';
import { callEach } from '../../light/observable.js';
import { Mutex } from '../../mutex.js';
import type { SqlValue } from '../copy/connection.js';
import type { CopyClient } from '../copy/copy-client.js';
import type { Download, OpenCopy } from '../copy/copy-host.js';
import type { Acknowledgement, Committed, CopyState, RemoteChanges } from '../copy/merging-copy.js';
import type { Batch, OwnRow } from '../copy/own-changes.js';

/** A row by column name. Integers beyond ±(2^53−1) are bigints. */
export type Row = Record<string, SqlValue>;

/** Reads a document. */
export interface Reader {
  /** The rows of a query. */
  all<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T[]>;
  /** The first row of a query; undefined: it has none. */
  get<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T | undefined>;
}

/** Reads and writes within a transaction. */
export interface Transaction extends Reader {
  /** Runs a statement that writes. */
  run(sql: string, params?: readonly SqlValue[]): Promise<void>;
}

/** Called with the tables whose rows may have changed. */
export type TableListener = (tables: readonly string[]) => void;

/** This tab's copy of a document: transactions one after another, and who wants to know of changes. */
export class LocalCopy implements Reader {
  /** Called after each local transaction that changed something. */
  onWritten: () => void = () => undefined;
  /** Called with the number of cells that are not acknowledged. */
  onPending: (pending: number) => void = () => undefined;
  private known: CopyState | null = null;
  private readonly mutex = new Mutex();
  private readonly listeners = new Set<{ tables: ReadonlySet<string>; listener: TableListener }>();

  constructor(private readonly client: CopyClient) {}

  /** What the copy knows; null: there is none yet. */
  get state(): CopyState | null {
    return this.known;
  }

  /** Opens the copy, if there is one. @returns where it is kept */
  async open(options: OpenCopy): Promise<OpenCopy['storage']> {
    const { storage, state } = await this.client.call('open', options);
    this.know(state);
    return storage;
  }

  readonly all = <T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> =>
    this.mutex.run(() => this.read<T>(sql, params));

  readonly get = async <T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T | undefined> =>
    (await this.all<T>(sql, params))[0];

  /** Runs `work` in a transaction, which is rolled back if it throws. */
  async tx<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { result, committed } = await this.mutex.run(async () => {
      await this.client.call('begin');
      const tx = this.transaction();
      try {
        const made = await work(tx);
        tx.end();
        return { result: made, committed: await this.client.call('commit') };
      } catch (error) {
        tx.end();
        await this.client.call('rollback');
        throw error;
      }
    });
    this.tell(committed);
    if (committed.tables.length > 0) this.onWritten();
    return result;
  }

  /** Calls `listener` after each change of one of the tables. @returns a function that stops it */
  subscribe(tables: readonly string[], listener: TableListener): () => void {
    const entry = { tables: new Set(tables), listener };
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  /** Downloads the document in place of the copy. @throws SyncError */
  async download(download: Download, onBytes: (bytes: number, total: number) => void): Promise<void> {
    this.client.onBytes = onBytes;
    this.know(await this.mutex.run(() => this.client.call('download', download)));
    for (const { tables, listener } of this.listeners) callEach([listener], [...tables]);
  }

  /**
   * Applies changes of the server; what is here already is not applied again.
   * @throws SyncError when something before them is missing
   */
  async apply(from: number, changes: RemoteChanges): Promise<void> {
    const committed = await this.mutex.run(async () => {
      const { since } = this.known!;
      if (changes.to <= since.version) return null;
      if (from > since.version) throw SyncError.of('CANCELED', 'Changes in between are missing.');
      const applied = await this.client.call('apply', changes);
      this.known = { ...this.known!, since: { version: changes.to, mark: changes.mark } };
      return applied;
    });
    if (committed) this.tell(committed);
  }

  /** The next changes of its own that are to be sent; empty: there are none. */
  ownBatches(): Promise<Batch[]> {
    return this.mutex.run(() => this.client.call('ownBatches'));
  }

  /** Everything of its own that is pending. */
  ownRows(): Promise<OwnRow[]> {
    return this.mutex.run(() => this.client.call('ownRows'));
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    this.know(await this.mutex.run(() => this.client.call('acknowledge', acknowledgement)));
  }

  async close(): Promise<void> {
    await this.mutex.run(() => this.client.call('close')).catch(() => undefined); // it may have failed already
    this.client.terminate();
  }

  private transaction(): Transaction & { end(): void } {
    let isOver = false;
    const read = async <T>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> => {
      if (isOver) throw SyncError.of('CANCELED', 'This transaction has ended.');
      return this.read<T>(sql, params);
    };
    return {
      all: read,
      get: async <T>(sql: string, params?: readonly SqlValue[]) => (await read<T>(sql, params))[0],
      run: async (sql, params) => void (await read(sql, params)),
      end: () => (isOver = true),
    };
  }

  private read<T>(sql: string, params: readonly SqlValue[]): Promise<T[]> {
    return this.client.call('all', sql, params) as unknown as Promise<T[]>;
  }

  private tell({ tables, pending }: Committed): void {
    if (this.known) this.know({ ...this.known, pending });
    for (const entry of this.listeners) {
      if (tables.some((table) => entry.tables.has(table))) callEach([entry.listener], tables);
    }
  }

  private know(state: CopyState | null): void {
    this.known = state;
    if (state) this.onPending(state.pending);
  }
}
