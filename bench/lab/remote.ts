import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

// Every contender is a child process, controlled over the channel of Node's `fork`.

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const KEPT_OUTPUT_CHARS = 20_000;

/** The functions that a child offers; each takes at most one argument, which structured cloning must be able to copy. */
export type Calls = Record<string, (argument: never) => unknown>;

type Argument<F> = F extends (argument: infer A) => unknown ? (unknown extends A ? [] : [argument: A]) : [];
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

interface Request {
  id: number;
  name: string;
  argument: unknown;
}

type Answer = { id: number; result: unknown } | { id: number; error: string };

/** Answers the parent's calls in a child process, which ends when the parent ends. */
export function answerCalls(calls: Calls): void {
  const answer = async ({ id, name, argument }: Request): Promise<Answer> => {
    try {
      return { id, result: await calls[name]!(argument as never) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (request: Request) => void answer(request).then((reply) => process.send!(reply)));
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole process group; the parent decides in which order the processes stop.
  process.on('SIGINT', () => undefined);
  process.send!({ id: 0, result: null } satisfies Answer);
}

/** A child process that runs one file of the bench and answers calls. */
export class Remote<C> implements AsyncDisposable {
  private readonly waiting = new Map<
    number,
    { resolve: (result: never) => void; reject: (error: Error) => void }
  >();
  private lastId = 0;

  private constructor(
    private readonly file: string,
    private readonly child: ChildProcess,
    private readonly exited: Promise<void>,
  ) {
    child.on('message', (answer: Answer) => this.settle(answer));
  }

  /**
   * Starts a file of the bench and waits until it answers calls.
   * @param file its path below bench/
   */
  static async start<C>(
    file: string,
    args: string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Remote<C>> {
    const { PATH = '', HOME = '' } = process.env;
    const child = fork(join(process.cwd(), 'bench', file), args, {
      env: { PATH, HOME, NODE_ENV: 'production', ...env },
      execArgv: ['--import', 'tsx', '--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream
        .setEncoding('utf8')
        .on('data', (text: string) => (output = (output + text).slice(-KEPT_OUTPUT_CHARS)));
    }
    // Not 'close', which is not emitted for a child whose channel this process closed.
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const remote = new Remote<C>(file, child, exited);
    void exited.then(() =>
      remote.failAll(`${file} ended (${child.exitCode ?? child.signalCode}):\n${output}`),
    );
    const ready = new Promise<void>((resolve, reject) => {
      remote.waiting.set(0, { resolve, reject });
      setTimeout(
        () => reject(new Error(`${file} was not ready in time:\n${output}`)),
        START_DEADLINE_MS,
      ).unref();
    });
    try {
      await ready;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return remote;
  }

  /** Calls a function of the child. @throws Error with the child's stack */
  call<K extends keyof C & string>(name: K, ...args: Argument<C[K]>): Promise<Result<C[K]>> {
    return new Promise((resolve, reject) => {
      if (!this.child.connected) return reject(new Error(`${this.file} is not running.`));
      const id = (this.lastId += 1);
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, name, argument: (args as unknown[])[0] } satisfies Request);
    });
  }

  /** Ends the child, by force if necessary. */
  async [Symbol.asyncDispose](): Promise<void> {
    const force = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    if (this.child.connected) this.child.disconnect();
    await this.exited;
    clearTimeout(force);
  }

  private settle(answer: Answer): void {
    const caller = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) caller?.reject(new Error(answer.error));
    else caller?.resolve(answer.result as never);
  }

  private failAll(reason: string): void {
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }
}

/** Disposes of all parts that were made; a part whose creation failed has cleaned up itself. */
export async function disposeAll(made: (Promise<object> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(made.filter((one) => one !== undefined))) {
    const isThere = result.status === 'fulfilled' && result.value && Symbol.asyncDispose in result.value;
    if (isThere) await (result.value as AsyncDisposable)[Symbol.asyncDispose]();
  }
}
