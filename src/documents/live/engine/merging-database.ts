import { constants, copyFileSync, openSync, closeSync, readSync, rmSync, statSync } from 'node:fs';
import { ChangesFormatError, TooManyRows, type ChangeValue } from '../../../protocol/changes-bytes.js';
import { decodeChanges, type Changes } from '../../../protocol/changes-codec.js';
import { LIVE_LIMITS } from '../../../protocol/documents.js';
import { AppError } from '../../../foundation/errors/app-error.js';
import { asDiskFull } from '../../../foundation/files/disk-full.js';
import type { DocumentKind } from '../../kinds.js';
import { Connection, EngineError } from './binder.js';
import { ChangesReader } from './changes-reader.js';
import type { CrSqlite } from './crsqlite-module.js';
import type { FileVfs } from './file-vfs.js';
import type { AppliedBatch, ChangesChunk } from './live-database.js';
import type { KeyPart } from './packed-key.js';
import {
  invalidChanges,
  nameChanges,
  SENTINEL,
  validateChanges,
  type NamedChange,
} from './validate-changes.js';

/** What a copy is opened with. */
export interface MergingDatabaseOptions {
  path: string;
  kind: DocumentKind;
  /** The largest size of the file. */
  maxBytes: number;
}

const ERROR = 1;
const NO_MEMORY = 7;
const FULL = 13;
const TOO_BIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
/** What a row can cause that SQLite does not take. */
const OF_A_ROW = [ERROR, TOO_BIG, CONSTRAINT, MISMATCH];

const LIMIT_LENGTH = 0;
const LIMIT_ATTACHED = 7;
/** A row may have 64 MiB by import; its parts are joined here and there. */
const MAX_LENGTH = 135_000_000;
/** All open databases of a thread share it: caches give memory back above it. */
const SOFT_HEAP_BYTES = 512 * 1024 * 1024;

const PRAGMAS = [
  'locking_mode = EXCLUSIVE',
  'journal_mode = PERSIST',
  'synchronous = FULL',
  'cache_size = -2000',
  'temp_store = memory',
  'trusted_schema = OFF',
  `soft_heap_limit = ${SOFT_HEAP_BYTES}`,
];

const INSERT = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/**
 * A document's copy, open in this thread's engine. Only EngineError and AppError are thrown while the instance is usable;
 * after any other error, a trap, it must be thrown away.
 */
export class MergingDatabase {
  readonly siteId: string;
  /** `crsql_db_version` after the last commit. */
  version: number;
  /** Size of the file after the last commit. */
  sizeBytes: number;
  private readonly name: string;
  private readonly connection: Connection;
  private readonly reader: ChangesReader;

  /** Opens a copy; what a crash left half written is rolled back. */
  constructor(
    engine: CrSqlite,
    private readonly vfs: FileVfs,
    private readonly options: MergingDatabaseOptions,
  ) {
    this.name = vfs.attach(options.path);
    try {
      this.connection = new Connection(engine, this.name);
    } catch (error) {
      vfs.detach(this.name);
      throw this.translated(error);
    }
    try {
      this.configure();
      this.siteId = Buffer.from(this.connection.value('SELECT crsql_site_id()') as Uint8Array).toString(
        'hex',
      );
      this.version = this.readVersion();
      this.reader = new ChangesReader(this.connection, options.kind);
      this.sizeBytes = statSync(options.path).size;
    } catch (error) {
      this.close();
      throw this.translated(error);
    }
  }

  /** Whether a transaction waits for `commit` or `rollback`. */
  get isInTransaction(): boolean {
    return this.connection.isInTransaction;
  }

  /** See `LiveDatabase.apply`. */
  apply(body: Uint8Array, site: string | null): AppliedBatch {
    const { kind } = this.options;
    const changes = decode(body, site === null ? Infinity : LIVE_LIMITS.maxBatchRows);
    const rows = nameChanges(kind, changes);
    // The journal's batches were valid when they came, and must be replayed even if a rule has become stricter.
    if (site !== null) validateChanges(kind, changes, rows, site, (...cell) => this.storedVersion(...cell));
    try {
      this.connection.exec('BEGIN IMMEDIATE');
      this.insert(rows);
      const isChanged = this.reader.hasChanges(this.version);
      if (!isChanged) this.rollback();
      return { version: isChanged ? this.version + 1 : this.version, rows: rows.length };
    } catch (error) {
      this.rollback();
      throw this.translated(error);
    }
  }

  /** After an error the database must be closed: CR-SQLite counts the version as made. */
  commit(): void {
    try {
      this.connection.exec('COMMIT');
      this.version = this.readVersion();
      this.sizeBytes = statSync(this.options.path).size;
    } catch (error) {
      this.rollback();
      throw this.translated(error);
    }
  }

  rollback(): void {
    if (this.connection.isInTransaction) this.connection.exec('ROLLBACK');
    // A merge that failed leaves the bit set, and then local writes are not tracked.
    this.connection.value('SELECT crsql_internal_sync_bit(0)');
  }

  count(after: number, upTo: number): { rows: number; bytes: number } {
    return this.reader.count(after, upTo);
  }

  read(after: number, upTo: number): ChangesChunk {
    return this.reader.read(after, upTo);
  }

  /** See `LiveDatabase.copy`; not within a transaction. */
  copy(target: string): { version: number; sizeBytes: number } {
    try {
      copyFileSync(this.options.path, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(target, { force: true });
      throw asDiskFull(error);
    }
    return { version: this.version, sizeBytes: statSync(target).size };
  }

  /** Rolls an open transaction back, closes the file, and removes the journal if nothing is to be rolled back. */
  close(): void {
    try {
      if (this.connection.isInTransaction) this.connection.exec('ROLLBACK');
      this.connection.value('SELECT crsql_finalize()');
    } finally {
      this.connection.close();
      this.vfs.detach(this.name);
      removeColdJournal(`${this.options.path}-journal`);
    }
  }

  private configure(): void {
    for (const pragma of PRAGMAS) this.connection.exec(`PRAGMA ${pragma}`);
    const pageBytes = Number(this.connection.value('PRAGMA page_size'));
    this.connection.exec(
      `PRAGMA max_page_count = ${Math.max(1, Math.floor(this.options.maxBytes / pageBytes))}`,
    );
    this.connection.limit(LIMIT_LENGTH, MAX_LENGTH);
    this.connection.limit(LIMIT_ATTACHED, 0);
  }

  private insert(rows: NamedChange[]): void {
    const insert = this.connection.statement(INSERT);
    const version = BigInt(this.version + 1);
    rows.forEach(({ table, key, column, value, colVersion, site, cl }, at) => {
      try {
        insert.run(table, key, column, value, BigInt(colVersion), version, site, BigInt(cl), BigInt(at));
      } catch (error) {
        if (!(error instanceof EngineError) || !OF_A_ROW.includes(error.primaryCode)) throw error;
        throw invalidChanges(at, 'constraint', `The table does not take the row: ${error.message}.`, error);
      }
    });
  }

  private readVersion(): number {
    return Number(this.connection.value('SELECT crsql_db_version()'));
  }

  private storedVersion(table: string, key: KeyPart[], column: string): number {
    const { columns } = this.options.kind.tables.find(({ name }) => name === table)!;
    const isRow = columns
      .filter(({ keyPlace }) => keyPlace > 0)
      .sort((one, other) => one.keyPlace - other.keyPlace)
      .map(({ name }) => `"${name}" IS ?`)
      .join(' AND ');
    const stored: ChangeValue = this.connection.value(
      `SELECT col_version FROM "${table}__crsql_clock"
       WHERE col_name = ? AND key = (SELECT __crsql_key FROM "${table}__crsql_pks" WHERE ${isRow})`,
      column,
      ...key,
    );
    // A record that was never deleted has no sentinel, and counts as born once.
    return stored === null ? Number(column === SENTINEL) : Number(stored);
  }

  private translated(error: unknown): unknown {
    const fault = this.vfs.takeFault();
    if (!(error instanceof EngineError)) return error;
    if (error.primaryCode === FULL) return fault ? asDiskFull(fault) : quotaExceeded(error);
    if (error.primaryCode === NO_MEMORY)
      return new AppError('OVERLOADED', { retry_after: 5 }, { cause: error });
    error.cause = fault ?? undefined;
    return error;
  }
}

function decode(body: Uint8Array, maxRows: number): Changes {
  try {
    return decodeChanges(body, maxRows);
  } catch (error) {
    if (error instanceof TooManyRows)
      throw new AppError('BODY_TOO_LARGE', { detail: error.message }, { cause: error });
    if (!(error instanceof ChangesFormatError)) throw error;
    throw invalidChanges(error.row, 'format', error.message, error);
  }
}

function quotaExceeded(cause: EngineError): AppError {
  return new AppError(
    'QUOTA_EXCEEDED',
    { detail: 'The document would be larger than a document may be.' },
    { cause },
  );
}

/** Removes a journal that is not hot; its first bytes are zero then. */
function removeColdJournal(path: string): void {
  const head = Buffer.alloc(8);
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return; // there is none
  }
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.every((byte) => byte === 0)) rmSync(path, { force: true });
}
