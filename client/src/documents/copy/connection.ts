import { SQLITE_MEMORY_BYTES, type Vfs, type Wasm } from './wasm.js';

/** A value in SQLite. Integers beyond ±(2^53−1) are bigints. */
export type SqlValue = null | number | bigint | string | Uint8Array;

const OPEN_READWRITE_CREATE = 0x2 | 0x4;
const ROW = 100;
const DONE = 101;
const NOMEM = 7;
const TRANSIENT = -1;
/** The types of `sqlite3_column_type`. */
const [INTEGER, FLOAT, TEXT, BLOB] = [1, 2, 3, 4];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** SQLite refused a statement. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError';

  /** @param code SQLite's result code */
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A connection to a database of the engine, on its raw functions: texts may contain NUL, and integers of 64 bits arrive
 * exactly, which the package's own API does not do. Calls must not overlap.
 */
export class Connection {
  private constructor(
    private readonly wasm: Wasm,
    private readonly db: number,
    /** Room for two pointers. */
    private readonly out: number,
  ) {}

  /** Opens a database, which is made if there is none. @throws SqliteError */
  static async open(wasm: Wasm, vfs: Vfs, path: string): Promise<Connection> {
    const out = wasm._malloc(8);
    const types = ['string', 'number', 'number', 'string'];
    const args = [path, out, OPEN_READWRITE_CREATE, vfs.name];
    const code = await wasm.ccall('sqlite3_open_v2', 'number', types, args, { async: true });
    const connection = new Connection(wasm, wasm.getValue(out, 'i32'), out);
    if (code !== 0) {
      const error = connection.error(code);
      await connection.close().catch(() => undefined);
      throw error;
    }
    wasm._RegisterExtensionFunctions(connection.db);
    await connection.all(`PRAGMA hard_heap_limit = ${SQLITE_MEMORY_BYTES}`);
    return connection;
  }

  /** Whether no transaction is open. */
  get isAutocommit(): boolean {
    return this.wasm._sqlite3_get_autocommit(this.db) !== 0;
  }

  /** Runs one statement. @returns its rows by column name @throws SqliteError */
  async all(sql: string, params: readonly SqlValue[] = []): Promise<Record<string, SqlValue>[]> {
    const rows: Record<string, SqlValue>[] = [];
    await this.each(sql, [params], (row) => rows.push(row));
    return rows;
  }

  /** The first column of the statement's first row. @throws SqliteError */
  async value(sql: string, params: readonly SqlValue[] = []): Promise<SqlValue | undefined> {
    const [row] = await this.all(sql, params);
    return row && Object.values(row)[0];
  }

  /**
   * Runs one statement once for each list of parameters.
   * @param isExact tells INTEGER and REAL apart: every integer is a bigint, and every number a REAL
   * @throws SqliteError
   */
  async each(
    sql: string,
    runs: Iterable<readonly SqlValue[]>,
    onRow: (row: Record<string, SqlValue>) => void = () => undefined,
    isExact = false,
  ): Promise<void> {
    const statement = await this.prepare(sql);
    try {
      const names = this.columnNames(statement);
      for (const params of runs) {
        this.bind(statement, params, isExact);
        for (;;) {
          const code = await this.call('sqlite3_step', statement);
          if (code === DONE) break;
          if (code !== ROW) throw this.error(code);
          const cells = names.map((name, column) => [name, this.read(statement, column, isExact)]);
          onRow(Object.fromEntries(cells) as Record<string, SqlValue>);
        }
        await this.call('sqlite3_reset', statement);
      }
    } finally {
      await this.call('sqlite3_finalize', statement);
    }
  }

  /** @throws SqliteError */
  async close(): Promise<void> {
    const code = await this.call('sqlite3_close', this.db);
    this.wasm._free(this.out);
    if (code !== 0) throw new SqliteError(code, 'the database could not be closed');
  }

  private call(name: string, ...args: number[]): Promise<number> {
    const types = args.map(() => 'number');
    return this.wasm.ccall(name, 'number', types, args, { async: true });
  }

  private async prepare(sql: string): Promise<number> {
    const bytes = encoder.encode(sql);
    const text = this.copy(bytes, 1);
    try {
      const { db, out } = this;
      const code = await this.call('sqlite3_prepare_v2', db, text, bytes.length + 1, out, out + 4);
      if (code !== 0) throw this.error(code);
      const statement = this.wasm.getValue(out, 'i32');
      const rest = decoder.decode(bytes.subarray(this.wasm.getValue(out + 4, 'i32') - text));
      if (statement !== 0 && rest.trim() === '') return statement;
      await this.call('sqlite3_finalize', statement);
      throw new SqliteError(1, 'exactly one statement at a time');
    } finally {
      this.wasm._free(text);
    }
  }

  private columnNames(statement: number): string[] {
    const count = this.wasm._sqlite3_column_count(statement);
    return Array.from({ length: count }, (_, column) =>
      this.wasm.UTF8ToString(this.wasm._sqlite3_column_name(statement, column)),
    );
  }

  private bind(statement: number, params: readonly SqlValue[], isExact: boolean): void {
    const count = this.wasm._sqlite3_bind_parameter_count(statement);
    if (params.length !== count) throw new SqliteError(1, `${count} parameters, not ${params.length}`);
    params.forEach((value, index) => {
      const code = this.bindOne(statement, index + 1, value, isExact);
      if (code !== 0) throw this.error(code);
    });
  }

  private bindOne(statement: number, place: number, value: SqlValue, isExact: boolean): number {
    const { wasm } = this;
    if (value === null) return wasm._sqlite3_bind_null(statement, place);
    if (typeof value === 'number' && (isExact || !Number.isSafeInteger(value))) {
      return wasm._sqlite3_bind_double(statement, place, value);
    }
    if (typeof value === 'number' || typeof value === 'bigint') {
      const wide = BigInt(value);
      if (BigInt.asIntN(64, wide) !== wide) throw new SqliteError(1, 'an integer beyond 64 bits');
      const [low, high] = [BigInt.asIntN(32, wide), BigInt.asIntN(32, wide >> 32n)];
      return wasm._sqlite3_bind_int64(statement, place, Number(low), Number(high));
    }
    const isText = typeof value === 'string';
    if (!isText && !(value instanceof Uint8Array)) throw new SqliteError(1, `no SQL value: ${typeof value}`);
    const bytes = isText ? encoder.encode(value) : value;
    const data = this.copy(bytes, 1); // never a null pointer, which would bind NULL
    const bind = isText ? wasm._sqlite3_bind_text : wasm._sqlite3_bind_blob;
    const code = bind(statement, place, data, bytes.length, TRANSIENT);
    wasm._free(data);
    return code;
  }

  private read(statement: number, column: number, isExact: boolean): SqlValue {
    const { wasm } = this;
    switch (wasm._sqlite3_column_type(statement, column)) {
      case INTEGER: {
        const low = wasm._sqlite3_column_int64(statement, column);
        const wide = (BigInt(wasm.getTempRet0()) << 32n) | BigInt(low >>> 0);
        const number = Number(wide);
        return Number.isSafeInteger(number) && !isExact ? number : wide;
      }
      case FLOAT:
        return wasm._sqlite3_column_double(statement, column);
      case TEXT: {
        const text = wasm._sqlite3_column_text(statement, column);
        return decoder.decode(this.bytesAt(text, wasm._sqlite3_column_bytes(statement, column)));
      }
      case BLOB: {
        const blob = wasm._sqlite3_column_blob(statement, column);
        return this.bytesAt(blob, wasm._sqlite3_column_bytes(statement, column)).slice();
      }
      default:
        return null;
    }
  }

  private bytesAt(pointer: number, length: number): Uint8Array {
    return this.wasm.HEAPU8.subarray(pointer, pointer + length);
  }

  /** Copies bytes, followed by so many zeros, into the engine's memory. */
  private copy(bytes: Uint8Array, zeros: number): number {
    const pointer = this.wasm._malloc(bytes.length + zeros);
    if (pointer === 0) throw new SqliteError(NOMEM, 'out of memory');
    this.wasm.HEAPU8.set(bytes, pointer);
    this.wasm.HEAPU8.fill(0, pointer + bytes.length, pointer + bytes.length + zeros);
    return pointer;
  }

  private error(code: number): SqliteError {
    return new SqliteError(code, this.wasm.UTF8ToString(this.wasm._sqlite3_errmsg(this.db)));
  }
}
