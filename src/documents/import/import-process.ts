import { Worker } from 'node:worker_threads';
import { importDatabase } from './import-database.js';
import { faultOf, type TaskResult } from './tasks.js';

// The program of a child process that imports databases, one after another; its argument is the server's process id.

/** A message from the server. */
export type ImportTask = Parameters<typeof importDatabase>[0];

/** The answer to it. */
export type ImportAnswer = { result: TaskResult } | { error: string };

// Ctrl-C and some supervisors signal the whole process group, but the server decides when this process ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
new Worker(new URL('../../foundation/workers/parent-watch.js', import.meta.url), {
  workerData: Number(process.argv[2]),
});
process.on('disconnect', () => process.exit());
process.on('message', (task: ImportTask) => process.send!(answerTo(task)));

function answerTo(task: ImportTask): ImportAnswer {
  try {
    return { result: faultOf(() => importDatabase(task)) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
