import { open, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Piscina } from 'piscina';
import { AppError } from '../../foundation/errors/app-error.js';
import { ChildProcesses } from '../../foundation/workers/child-processes.js';
import type { DocumentKind } from '../kinds.js';
import type { importDatabase } from './import-database.js';
import type { TaskResult } from './tasks.js';

const IDLE_MS = 30_000;
const IMPORT_DEADLINE_MS = 180_000;
/** Of JavaScript, a thread or a process: SQLite's own memory does not count. */
const MAX_HEAP_MB = 128;

/** What an import is asked to do. */
export type ImportTask = Parameters<typeof importDatabase>[0];

/**
 * Processes that read strangers' databases: SQLite can neither be interrupted nor contained within a thread, and a file
 * may make it run for hours, take all memory or crash.
 * @param deadlineMs after so long an import is given up as DOCUMENT_INVALID
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
 * Works on whole SQLite files outside the main thread: on the server's own in threads, on those of clients in processes,
 * which can be killed.
 */
@Injectable()
export class SqliteWorkers implements OnModuleDestroy {
  private readonly pool = new Piscina({
    filename: new URL('./tasks.js', import.meta.url).href,
    minThreads: 0,
    // At least two, so that a large document does not hold up the others.
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
   * Copies the rows of a client's database into a fresh one of its kind, whose bytes are on the disk then.
   * @param source never used itself; its header and the names of its statistics may be changed
   * @param target must not exist; it does not exist after a failure either
   * @param maxBytes of the target
   * @throws AppError DOCUMENT_INVALID, BODY_TOO_LARGE, DISK_FULL, SHUTTING_DOWN
   */
  importDatabase(
    kind: DocumentKind,
    source: string,
    target: string,
    maxBytes: number,
  ): Promise<{ sizeBytes: number }> {
    return make(target, () => this.imports.run({ kind, source, target, maxBytes }));
  }

  /**
   * Copies a database as it is into a new file, which need not outlive a crash.
   * @param target must not exist; it does not exist after a failure either
   * @throws AppError DISK_FULL
   */
  snapshot(source: string, target: string): Promise<{ sizeBytes: number }> {
    return make(target, () => this.pool.run({ source, target }, { name: 'snapshot' }) as Promise<TaskResult>);
  }

  /** Runs SQLite's integrity check. @throws Error with the first faults that it found */
  async check(file: string): Promise<void> {
    await this.pool.run({ file }, { name: 'check' });
  }
}

async function make(target: string, work: () => Promise<TaskResult>): Promise<{ sizeBytes: number }> {
  // Made here with mode 0600: SQLite would make it readable for other users.
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
