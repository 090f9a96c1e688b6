import type { ChangeValue } from '../../../protocol/changes-bytes.js';
import type { CrSqlite } from './crsqlite-module.js';

const OK = 0;
const ROW = 100;
const DONE = 101;
const NO_MEMORY = 7;
const OPEN_READWRITE = 0x2;
const OPEN_CREATE = 0x4;
/** Extended result codes, such as which constraint failed. */
const OPEN_EXRESCODE = 0x02000000;
/** Makes SQLite copy what is bound. */
const TRANSIENT = -1;
const INTEGER = 1;
const FLOAT = 2;
const TEXT = 3;
const BLOB = 4;
const IN_MEMORY = ':memory:';

/** An error that SQLite or CR-SQLite reports. The instance stays usable, unlike after any other error. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  /** @param code SQLite's extended result code */
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }

  /** The code without its extension. */
  get primaryCode(): number {
    return this.code & 0xff;
  }
}

/**
 * A connection, by SQLite's own functions: integers of 64 bits are exact both ways, texts may hold NUL, and an integer and
 * a real stay apart. Every method throws EngineError; any other error means that the instance is broken.
 */
export class Connection {
  private readonly database: number;
  /** Memory for what is passed to SQLite, reused. */
  private scratch = 0;
  private scratchBytes = 0;
  private readonly statements = new Map<string, Statement>();

  /** @param name as the VFS knows it, or ':memory:' */
  constructor(
    readonly engine: CrSqlite,
    name: string,
  ) {
    const out = this.reserve(4 + name.length + 1);
    this.engine.HEAPU8.set(new TextEncoder().encode(`${name}\0`), out + 4);
    const flags = OPEN_READWRITE | OPEN_EXRESCODE | (name === IN_MEMORY ? OPEN_CREATE : 0);
    const code = this.engine._sqlite3_open_v2(out + 4, out, flags, 0);
    this.database = this.engine.getValue(out, 'i32');
    if (code !== OK) {
      const error = this.errorOf(code);
      this.engine._sqlite3_close(this.database);
      this.freeScratch();
      throw error;
    }
    this.engine._RegisterExtensionFunctions(this.database);
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return this.engine._sqlite3_get_autocommit(this.database) === 0;
  }

  /** Runs statements that give nothing. */
  exec(sql: string): void {
    const [pointer] = this.putText(`${sql}\0`);
    this.check(this.engine._sqlite3_exec(this.database, pointer, 0, 0, 0));
  }

  /** A statement, prepared once and kept. */
  statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) {
      statement = new Statement(this, this.prepare(sql));
      this.statements.set(sql, statement);
    }
    return statement;
  }

  /** The first column of the first row; null: no row, or NULL. */
  value(sql: string, ...parameters: ChangeValue[]): ChangeValue {
    return this.statement(sql).first(...parameters)?.[0] ?? null;
  }

  /** Sets one of SQLite's run-time limits. */
  limit(limit: number, value: number): void {
    this.engine._sqlite3_limit(this.database, limit, value);
  }

  /** Finalizes the statements and closes the file; nothing else may be called afterwards. */
  close(): void {
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.freeScratch();
    this.check(this.engine._sqlite3_close(this.database));
  }

  /** @throws EngineError unless the code is OK */
  check(code: number): void {
    if (code !== OK) throw this.errorOf(code);
  }

  /** The error of the last call. */
  errorOf(code: number): EngineError {
    return new EngineError(code, this.engine.UTF8ToString(this.engine._sqlite3_errmsg(this.database)));
  }

  /** Puts bytes where SQLite can read them until the next call. @returns pointer, length */
  putBytes(bytes: Uint8Array): [number, number] {
    const pointer = this.reserve(bytes.length);
    this.engine.HEAPU8.set(bytes, pointer);
    return [pointer, bytes.length];
  }

  /** The same for a text, as UTF-8. */
  putText(text: string): [number, number] {
    const room = text.length * 3;
    const pointer = this.reserve(room);
    const target = this.engine.HEAPU8.subarray(pointer, pointer + room);
    return [pointer, new TextEncoder().encodeInto(text, target).written];
  }

  private prepare(sql: string): number {
    const [text, bytes] = this.putText(`${sql}\0`);
    const out = this.engine._sqlite3_malloc(4);
    if (out === 0) throw new EngineError(NO_MEMORY, 'out of memory');
    try {
      this.check(this.engine._sqlite3_prepare_v2(this.database, text, bytes, out, 0));
      return this.engine.getValue(out, 'i32');
    } finally {
      this.engine._sqlite3_free(out);
    }
  }

  private reserve(bytes: number): number {
    if (this.scratch !== 0 && bytes <= this.scratchBytes) return this.scratch;
    this.freeScratch();
    const room = Math.max(1024, bytes);
    this.scratch = this.engine._sqlite3_malloc(room);
    if (this.scratch === 0) throw new EngineError(NO_MEMORY, 'out of memory');
    this.scratchBytes = room;
    return this.scratch;
  }

  private freeScratch(): void {
    this.engine._sqlite3_free(this.scratch);
    this.scratch = 0;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A prepared statement. */
export class Statement {
  private readonly engine: CrSqlite;

  constructor(
    private readonly connection: Connection,
    private readonly statement: number,
  ) {
    this.engine = connection.engine;
  }

  /** Runs the statement for its effect. */
  run(...parameters: ChangeValue[]): void {
    try {
      this.bind(parameters);
      while (this.step());
    } finally {
      this.reset();
    }
  }

  /** The first row; null: there is none. */
  first(...parameters: ChangeValue[]): ChangeValue[] | null {
    for (const row of this.rows(...parameters)) return row;
    return null;
  }

  /** The rows, read one by one. */
  *rows(...parameters: ChangeValue[]): Generator<ChangeValue[]> {
    try {
      this.bind(parameters);
      while (this.step()) {
        const columns = this.engine._sqlite3_data_count(this.statement);
        yield Array.from({ length: columns }, (_, column) => this.column(column));
      }
    } finally {
      this.reset();
    }
  }

  /** Frees the statement; it must not be used again. */
  finalize(): void {
    this.engine._sqlite3_finalize(this.statement);
  }

  private bind(parameters: ChangeValue[]): void {
    parameters.forEach((value, at) => this.connection.check(this.bindOne(at + 1, value)));
  }

  private bindOne(place: number, value: ChangeValue): number {
    const { engine, statement } = this;
    if (value === null) return engine._sqlite3_bind_null(statement, place);
    if (typeof value === 'number') return engine._sqlite3_bind_double(statement, place, value);
    if (typeof value === 'bigint') {
      const high = Number(BigInt.asIntN(32, value >> 32n));
      return engine._sqlite3_bind_int64(statement, place, Number(BigInt.asIntN(32, value)), high);
    }
    if (typeof value === 'string') {
      const [pointer, bytes] = this.connection.putText(value);
      return engine._sqlite3_bind_text(statement, place, pointer, bytes, TRANSIENT);
    }
    const [pointer, bytes] = this.connection.putBytes(value);
    return engine._sqlite3_bind_blob(statement, place, pointer, bytes, TRANSIENT);
  }

  /** @returns whether there is a row */
  private step(): boolean {
    const code = this.engine._sqlite3_step(this.statement);
    if (code === ROW || code === DONE) return code === ROW;
    throw this.connection.errorOf(code);
  }

  private reset(): void {
    this.engine._sqlite3_reset(this.statement);
  }

  private column(column: number): ChangeValue {
    const { engine, statement } = this;
    switch (engine._sqlite3_column_type(statement, column)) {
      case INTEGER: {
        const low = engine._sqlite3_column_int64(statement, column);
        return toInt64(low, engine.getTempRet0());
      }
      case FLOAT:
        return engine._sqlite3_column_double(statement, column);
      case TEXT:
        return decoder.decode(this.bytesAt(engine._sqlite3_column_text(statement, column), column));
      case BLOB:
        return this.bytesAt(engine._sqlite3_column_blob(statement, column), column).slice();
      default:
        return null;
    }
  }

  private bytesAt(pointer: number, column: number): Uint8Array {
    return this.engine.HEAPU8.subarray(
      pointer,
      pointer + this.engine._sqlite3_column_bytes(this.statement, column),
    );
  }
}

function toInt64(low: number, high: number): bigint {
  // Most integers are small, and arithmetic on bigints is slow.
  if (high === 0) return BigInt(low >>> 0);
  if (high === -1 && low < 0) return BigInt(low);
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
