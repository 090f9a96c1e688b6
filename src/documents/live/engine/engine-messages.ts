import { AppError } from '../../../foundation/errors/app-error.js';
import type { ErrorCode } from '../../../protocol/errors.js';
import { EngineError } from './binder.js';
import type { CompiledEngine } from './crsqlite-module.js';
import type { MergingDatabaseOptions } from './merging-database.js';

/** What a thread is started with. */
export interface ThreadData {
  engine: CompiledEngine;
  /** How many databases are kept open at most. */
  maxOpen: number;
}

/** One operation on one document; `document` is a number that the pool gives. */
export type Operation =
  | { name: 'open'; options: MergingDatabaseOptions }
  | { name: 'apply'; body: Uint8Array; site: string | null }
  | { name: 'commit' }
  | { name: 'rollback' }
  | { name: 'count' | 'read'; after: number; upTo: number }
  | { name: 'copy'; target: string }
  | { name: 'close' };

export interface Request {
  id: number;
  document: number;
  operation: Operation;
}

/** A copy's state after an operation. */
export interface CopyState {
  siteId: string;
  version: number;
  sizeBytes: number;
}

/** Answer of a thread; `state` is null after `close`. */
export type Reply =
  | { id: number; result: unknown; state: CopyState | null }
  | { id: number; fault: Fault }
  /** The engine is broken: the thread answers nothing any more. */
  | { id: number; trap: string };

/** An error as data, as classes do not survive the way between threads. */
export type Fault =
  | { code: ErrorCode; details: Record<string, unknown>; message: string }
  | { engineCode: number; message: string }
  | { systemCode: string; message: string };

/** @returns null: no error of a usable engine */
export function faultOf(error: unknown): Fault | null {
  if (error instanceof AppError) {
    const { code, details, message } = error;
    return { code, details, message };
  }
  if (error instanceof EngineError) {
    const { code, message, cause } = error;
    // The system's own words, such as EIO, say more than SQLite's.
    return { engineCode: code, message: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
  const { syscall, code, message } = error as NodeJS.ErrnoException;
  return syscall !== undefined && code !== undefined ? { systemCode: code, message } : null;
}

/** The error again. */
export function errorOf(fault: Fault): Error {
  if ('code' in fault) return new AppError(fault.code, fault.details);
  if ('engineCode' in fault) return new EngineError(fault.engineCode, fault.message);
  return Object.assign(new Error(fault.message), { code: fault.systemCode });
}
