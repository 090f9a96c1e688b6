import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { AppError } from '../errors/app-error.js';
import type { Answer } from './child-program.js';

const IDLE_MS = 30_000;

/** The program of the child processes, and their limits. */
interface ChildOptions {
  /** The compiled program, which calls `answerTasks`. */
  program: URL;
  /** After this time a task is given up and its process is killed. */
  deadlineMs: number;
  /** Limit of the JavaScript heap; native memory, such as SQLite's, does not count. */
  maxHeapMb: number;
  /** Makes the error of a task whose process ended early. @param reason the signal, or the exit code */
  toError: (reason: string) => Error;
}

/**
 * Runs tasks in child processes, one task per process at a time; idle processes are reused. A task may run for hours,
 * exhaust the memory or crash: a thread could not be interrupted, or would end the server; a process ends alone.
 */
export class ChildProcesses<Task extends object, Result> {
  private readonly all = new Set<ChildProcess>();
  private readonly idle: ChildProcess[] = [];
  private isClosed = false;

  constructor(private readonly options: ChildOptions) {}

  /**
   * Runs a task.
   * @throws AppError SHUTTING_DOWN; the error of `toError` if the process ends early; Error with the stack of the error
   *   that the task threw; the system's Error if no process can be started
   */
  async run(task: Task): Promise<Result> {
    if (this.isClosed) throw new AppError('SHUTTING_DOWN', { retry_after: 5 });
    const child = this.idle.pop() ?? this.start();
    const answer = await this.ask(child, task);
    this.keepIdle(child);
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  }

  /** Kills all processes immediately, with their tasks. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(Array.from(this.all, kill));
  }

  private start(): ChildProcess {
    const { program, maxHeapMb } = this.options;
    const child = fork(program, [String(process.pid)], {
      execArgv: [`--max-old-space-size=${maxHeapMb}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: {}, // no secrets
    });
    // A process that could not be started has no pid and never emits `exit`.
    if (child.pid !== undefined) this.all.add(child);
    child.once('exit', () => {
      this.all.delete(child);
      this.takeFromIdle(child);
    });
    // `ask` gets errors while it waits. Ignore others: an 'error' event without a listener would end the server.
    child.on('error', () => undefined);
    return child;
  }

  private async ask(child: ChildProcess, task: Task): Promise<Answer<Result>> {
    keepServerAlive(child);
    const ended = new AbortController();
    const deadline = setTimeout(() => child.kill('SIGKILL'), this.options.deadlineMs);
    try {
      const answered = once(child, 'message', ended) as Promise<[Answer<Result>]>;
      const died = once(child, 'exit', ended).then(([code, signal]) => this.failDead(String(signal ?? code)));
      // Do not send to a process that could not be started; its `error` event rejects `answered`.
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
    throw this.options.toError(reason);
  }

  /** Keeps a process for the next task for 30 s. */
  private keepIdle(child: ChildProcess): void {
    if (!child.connected) return;
    this.idle.push(child);
    letServerEnd(child);
    setTimeout(() => this.takeFromIdle(child) && child.kill('SIGKILL'), IDLE_MS).unref();
  }

  /** @returns whether the process was idle */
  private takeFromIdle(child: ChildProcess): boolean {
    const at = this.idle.indexOf(child);
    if (at >= 0) this.idle.splice(at, 1);
    return at >= 0;
  }
}

function keepServerAlive(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}

/** An idle process does not keep the server from ending. */
function letServerEnd(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
