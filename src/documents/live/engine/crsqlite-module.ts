import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import createModule from '@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs';

/** What is used of the global `WebAssembly`, whose types come with browsers' only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => CompiledEngine;
  Instance: new (module: CompiledEngine, imports: object) => { exports: object };
};

/** The engine's compiled code, which threads can share. */
export interface CompiledEngine {
  readonly [Symbol.toStringTag]: 'WebAssembly.Module';
}

/** The functions of SQLite that are used, as Emscripten exports them. Pointers are numbers, results SQLite's codes. */
export interface CrSqlite {
  /** Changes its identity when the memory grows. */
  readonly HEAPU8: Uint8Array;
  /** High word of the 64 bits that the last call returned. */
  getTempRet0(): number;
  getValue(pointer: number, type: 'i32'): number;
  UTF8ToString(pointer: number): string;
  /** @param vfs kept, with its methods called by SQLite */
  registerVFS(vfs: object, makeDefault: boolean): number;
  _sqlite3_malloc(bytes: number): number;
  _sqlite3_free(pointer: number): void;
  _sqlite3_open_v2(name: number, database: number, flags: number, vfs: number): number;
  _RegisterExtensionFunctions(database: number): void;
  _sqlite3_close(database: number): number;
  _sqlite3_exec(database: number, sql: number, callback: 0, argument: 0, message: 0): number;
  _sqlite3_errmsg(database: number): number;
  _sqlite3_limit(database: number, limit: number, value: number): number;
  _sqlite3_get_autocommit(database: number): number;
  _sqlite3_prepare_v2(database: number, sql: number, bytes: number, statement: number, tail: number): number;
  _sqlite3_step(statement: number): number;
  _sqlite3_reset(statement: number): number;
  _sqlite3_finalize(statement: number): number;
  _sqlite3_bind_null(statement: number, place: number): number;
  _sqlite3_bind_int64(statement: number, place: number, low: number, high: number): number;
  _sqlite3_bind_double(statement: number, place: number, value: number): number;
  _sqlite3_bind_text(statement: number, place: number, text: number, bytes: number, free: number): number;
  _sqlite3_bind_blob(statement: number, place: number, blob: number, bytes: number, free: number): number;
  _sqlite3_data_count(statement: number): number;
  _sqlite3_column_type(statement: number, column: number): number;
  /** The low word; the high one is in `getTempRet0`. */
  _sqlite3_column_int64(statement: number, column: number): number;
  _sqlite3_column_double(statement: number, column: number): number;
  _sqlite3_column_text(statement: number, column: number): number;
  _sqlite3_column_blob(statement: number, column: number): number;
  _sqlite3_column_bytes(statement: number, column: number): number;
}

const WASM = '@vlcn.io/wa-sqlite/dist/crsqlite-sync.wasm';
/** SQLite 3.44.0 with CR-SQLite 0.16.0. Another build may store or merge differently. */
const WASM_SHA256 = '5b9df8d5f9894b5b6a3828791ffc9384d269592035271df7280c1b07227c9af8';

let compiled: CompiledEngine | undefined;

/** Reads, checks and compiles the engine, once a process. @throws Error if it is another build */
export function compileEngine(): CompiledEngine {
  if (compiled === undefined) {
    const bytes = readFileSync(createRequire(import.meta.url).resolve(WASM));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== WASM_SHA256) throw new Error(`${WASM} has the SHA-256 ${found}, not ${WASM_SHA256}.`);
    compiled = new WebAssembly.Module(bytes);
  }
  return compiled;
}

/** A fresh instance of the engine, with its own memory. After a trap an instance must not be used again. */
export function instantiateEngine(module: CompiledEngine): Promise<CrSqlite> {
  return createModule({
    instantiateWasm(imports: object, done: (instance: object) => void) {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
    // The detail of an abort; it is in the thrown error, too.
    printErr: () => undefined,
  }) as Promise<CrSqlite>;
}
