import factory from '@vlcn.io/wa-sqlite/dist/crsqlite.mjs';

/** The methods of a VFS that are called directly; the engine calls the others. Asynchronous ones answer a promise. */
export interface Vfs {
  name: string;
  xOpen(name: string, fileId: number, flags: number, outFlags: DataView): number | Promise<number>;
  xWrite(fileId: number, data: Uint8Array, offset: number): number | Promise<number>;
  xSync(fileId: number, flags: number): number | Promise<number>;
  xClose(fileId: number): number | Promise<number>;
  xDelete(name: string, syncFolder: number): number | Promise<number>;
  close(): void | Promise<void>;
}

/** The engine's module: SQLite 3.44 with CR-SQLite 0.16, compiled with Asyncify, so that its VFS may be asynchronous. */
export interface Wasm {
  /** The memory; another array after it has grown. */
  readonly HEAPU8: Uint8Array;
  ccall(
    name: string,
    returns: 'number',
    types: string[],
    args: (number | string)[],
    options: { async: true },
  ): Promise<number>;
  registerVFS(vfs: Vfs, isDefault: boolean): number;
  getTempRet0(): number;
  getValue(pointer: number, type: 'i32'): number;
  UTF8ToString(pointer: number): string;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _RegisterExtensionFunctions(db: number): void;
  _sqlite3_bind_blob(
    statement: number,
    place: number,
    data: number,
    bytes: number,
    destructor: number,
  ): number;
  _sqlite3_bind_double(statement: number, place: number, value: number): number;
  _sqlite3_bind_int64(statement: number, place: number, low: number, high: number): number;
  _sqlite3_bind_null(statement: number, place: number): number;
  _sqlite3_bind_parameter_count(statement: number): number;
  _sqlite3_bind_text(
    statement: number,
    place: number,
    text: number,
    bytes: number,
    destructor: number,
  ): number;
  _sqlite3_column_blob(statement: number, column: number): number;
  _sqlite3_column_bytes(statement: number, column: number): number;
  _sqlite3_column_count(statement: number): number;
  _sqlite3_column_double(statement: number, column: number): number;
  _sqlite3_column_int64(statement: number, column: number): number;
  _sqlite3_column_name(statement: number, column: number): number;
  _sqlite3_column_text(statement: number, column: number): number;
  _sqlite3_column_type(statement: number, column: number): number;
  _sqlite3_errmsg(db: number): number;
  _sqlite3_get_autocommit(db: number): number;
}

/** How much memory the engine has. */
const MEMORY_BYTES = 128 << 20;
/** How much of it SQLite may use; above it answers "out of memory". */
export const SQLITE_MEMORY_BYTES = 96 << 20;

/** Where the engine comes from; default: the file beside its module. */
export interface WasmSource {
  url?: string;
  /** The file itself, where it cannot be fetched. */
  binary?: Uint8Array;
}

/** Starts the engine. */
export async function startWasm({ url, binary }: WasmSource): Promise<Wasm> {
  const options: Record<string, unknown> = {};
  if (url !== undefined) options.locateFile = () => url;
  if (binary !== undefined) options.wasmBinary = binary;
  const wasm = await factory(options);
  // The memory grows once, now. If it grew while a page is being read from IndexedDB (unwinding the stack allocates), the
  // page would be written to the memory of before and be lost.
  wasm._free(wasm._malloc(MEMORY_BYTES));
  return wasm;
}
