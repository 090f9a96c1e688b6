import { Worker } from 'node:worker_threads';

/** What a child process says of a task: what came of it, or the stack of its error. */
export type Answer<Result> = { result: Result } | { error: string };

/** Makes this process one of `ChildProcesses`: it works on the tasks of its parent, one after another, until that ends. */
export function answerTasks<Task, Result>(work: (task: Task) => Result): void {
  // Ctrl-C and some supervisors send a signal to all processes of a group; the parent decides when this one ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  const parentPid = Number(process.argv[2]);
  new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: parentPid });
  process.on('disconnect', () => process.exit());
  process.on('message', (task: Task) => process.send!(answerTo(work, task)));
}

function answerTo<Task, Result>(work: (task: Task) => Result, task: Task): Answer<Result> {
  try {
    return { result: work(task) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
