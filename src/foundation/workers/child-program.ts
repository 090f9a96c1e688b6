import { Worker } from 'node:worker_threads';

/** A child process's answer to a task: the result, or the stack of the error. */
export type Answer<Result> = { result: Result } | { error: string };

/** Makes this process a child of `ChildProcesses`: it runs its parent's tasks one by one until the parent ends. */
export function answerTasks<Task, Result>(work: (task: Task) => Result): void {
  // Ctrl-C and some supervisors signal the whole process group, but the parent decides when this process ends.
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
