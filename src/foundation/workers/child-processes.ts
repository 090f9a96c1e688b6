import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Logger } from '@nestjs/common';
import { AppError } from '../errors/app-error.js';
import type { ImportAnswer, ImportTask } from '../../documents/import/import-process.js';
import type { TaskResult } from '../../documents/import/tasks.js';

/** Always what was compiled, also when tests run the sources: a process of its own loads no TypeScript. */
const PROGRAM = new URL('../../../dist/documents/import/import-process.js', import.meta.url);
const IDLE_MS = 30_000;
const DEADLINE_MS = 180_000;
/** Of JavaScript: SQLite's own memory does not count. */
const MAX_HEAP_MB = 128;

/**
 * Reads strangers' databases in processes of their own. SQLite can neither be interrupted nor contained within a thread:
 * a file that makes it run for hours, eat all memory or crash takes such a process with it, and nothing else.
 */
export class ImportProcesses {
  private readonly all = new Set<ChildProcess>();
  private readonly idle: ChildProcess[] = [];
  private readonly logger = new Logger('Documents');
  private isClosed = false;

  /** @param deadlineMs after so long an import is given up */
  constructor(private readonly deadlineMs = DEADLINE_MS) {}

  /**
   * @throws AppError DOCUMENT_INVALID when the process does not come to an end with it, SHUTTING_DOWN; the system's Error
   *   when none can be started
   */
  async run(task: ImportTask): Promise<TaskResult> {
    if (this.isClosed) throw new AppError('SHUTTING_DOWN', { retry_after: 5 });
    const child = this.idle.pop() ?? this.start();
    const answer = await this.ask(child, task);
    this.rest(child);
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  }

  /** Ends all processes at once, whatever they do. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(Array.from(this.all, end));
  }

  private start(): ChildProcess {
    const child = fork(PROGRAM, [String(process.pid)], {
      execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: {}, // no secrets
    });
    // One that cannot be started has no id, and never exits.
    if (child.pid !== undefined) this.all.add(child);
    child.once('exit', () => {
      this.all.delete(child);
      this.wake(child);
    });
    // Whoever waits for it hears of it.
    child.on('error', () => undefined);
    return child;
  }

  private async ask(child: ChildProcess, task: ImportTask): Promise<ImportAnswer> {
    hold(child);
    const ended = new AbortController();
    const deadline = setTimeout(() => child.kill('SIGKILL'), this.deadlineMs);
    try {
      const answered = once(child, 'message', ended) as Promise<[ImportAnswer]>;
      const died = once(child, 'exit', ended).then(([code, signal]) =>
        this.failDead((signal ?? code) as string),
      );
      // To one that could not be started nothing can be sent; why it could not comes as its `error`.
      if (this.all.has(child)) child.send(task);
      const [answer] = await Promise.race([answered, died]);
      return answer;
    } finally {
      clearTimeout(deadline);
      ended.abort();
    }
  }

  private failDead(reason: string): never {
    if (this.isClosed) throw new AppError('SHUTTING_DOWN', { retry_after: 5 });
    this.logger.warn(`The process of an import ended (${reason})`);
    throw new AppError('DOCUMENT_INVALID', {
      detail: 'The database cannot be read: it takes too long or too much memory, or it is damaged.',
    });
  }

  /** Keeps a process for the next import, which may come soon. */
  private rest(child: ChildProcess): void {
    if (!child.connected) return;
    this.idle.push(child);
    letGo(child);
    setTimeout(() => this.wake(child) && child.kill('SIGKILL'), IDLE_MS).unref();
  }

  /** @returns whether it was idle */
  private wake(child: ChildProcess): boolean {
    const at = this.idle.indexOf(child);
    if (at >= 0) this.idle.splice(at, 1);
    return at >= 0;
  }
}

function hold(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}

/** An idle process keeps nothing from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
