import { open, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Piscina } from 'piscina';
import { AppError } from '../../foundation/errors/app-error.js';
import { ChildProcesses } from '../../foundation/workers/child-processes.js';
import type { DocumentKind } from '../kinds.js';
import { kindTemplate } from '../live/engine/kind-template.js';
import type { importDatabase } from './import-database.js';
import type { TaskResult } from './tasks.js';

const IDLE_MS = 30_000;
const IMPORT_DEADLINE_MS = 180_000;
/** JavaScript heap of each thread or process; SQLite's own memory does not count. */
const MAX_HEAP_MB = 128;

/** The parameters of an import. */
export type ImportTask = Parameters<typeof importDatabase>[0];

/**
 * Child processes that read clients' databases. A hostile file may make SQLite run for hours, take all memory or crash,
 * and within a thread SQLite can neither be interrupted nor contained.
 * @param deadlineMs an import that takes longer fails with DOCUMENT_INVALID
 */
export function importProcesses(deadlineMs = IMPORT_DEADLINE_MS): ChildProcesses<ImportTask, TaskResult> {
  const logger = new Logger('Documents');
  return new ChildProcesses({
    program: new URL('./import-process.js', import.meta.url),
    deadlineMs,
    maxHeapMb: MAX_HEAP_MB,
    toError: (reason) => {
      logger.warn(`The process of an import ended (${reason})`);
      return new AppError('DOCUMENT_INVALID', {
        detail: 'The database cannot be read: it takes too long or too much memory, or it is damaged.',
      });
    },
  });
}

/**
 * Works on whole SQLite files outside the main thread: on the server's own files in threads, on clients' files in child
 * processes, which can be killed.
 */
@Injectable()
export class SqliteWorkers implements OnModuleDestroy {
  private readonly pool = new Piscina({
    filename: new URL('./tasks.js', import.meta.url).href,
    minThreads: 0,
    // At least two, so that a large document does not delay the others.
    maxThreads: Math.max(2, availableParallelism() - 1),
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });

  private readonly imports = importProcesses();

  constructor() {
    // Piscina replaces a thread that dies, and rejects its task. Without a listener the event would end the process.
    this.pool.on('error', () => undefined);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.imports.close()]);
  }

  /**
   * Copies the rows of a client's database into a fresh one of its kind, which can merge changes, synced to disk.
   * @param source the client's file; its header and the names of its statistics tables may be changed
   * @param target must not exist; does not exist after a failure either
   * @param maxBytes the largest size of the target
   * @throws AppError DOCUMENT_INVALID, BODY_TOO_LARGE, DISK_FULL, SHUTTING_DOWN
   */
  async importDatabase(
    kind: DocumentKind,
    source: string,
    target: string,
    maxBytes: number,
  ): Promise<{ sizeBytes: number }> {
    const merging = await kindTemplate(kind);
    return make(target, () => this.imports.run({ kind, source, target, maxBytes, merging }));
  }

  /**
   * Copies a database into a new file, which is not synced to disk.
   * @param target must not exist; does not exist after a failure either
   * @throws AppError DISK_FULL
   */
  copy(source: string, target: string): Promise<{ sizeBytes: number }> {
    return make(target, () => this.pool.run({ source, target }, { name: 'copy' }) as Promise<TaskResult>);
  }

  /** Runs SQLite's integrity check. @throws Error naming the first faults */
  async check(file: string): Promise<void> {
    await this.pool.run({ file }, { name: 'check' });
  }
}

async function make(target: string, work: () => Promise<TaskResult>): Promise<{ sizeBytes: number }> {
  // Create the file here with mode 0600, as SQLite would make it readable for other users.
  await (await open(target, 'wx', 0o600)).close();
  try {
    const result = await work();
    if (result?.fault === 'DISK_FULL') throw new AppError('DISK_FULL', { retry_after: 60 });
    if (result) throw new AppError(result.fault, { detail: result.detail });
    return { sizeBytes: (await stat(target)).size };
  } catch (error) {
    await Promise.all(['', '-journal'].map((suffix) => rm(`${target}${suffix}`, { force: true })));
    throw error;
  }
}
