import { Worker } from 'node:worker_threads';
import { importDatabase, type TaskResult } from './tasks.js';

// A process that imports databases for the server, whose id it is given, one after another; see `ImportProcesses`.

/** What it is asked to do. */
export type ImportTask = Parameters<typeof importDatabase>[0];

/** What it says of it. */
export type ImportAnswer = { result: TaskResult } | { error: string };

// Ctrl-C and some supervisors send a signal to all processes of a group; the server decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
new Worker(new URL('../../foundation/workers/parent-watch.js', import.meta.url), {
  workerData: Number(process.argv[2]),
});
process.on('disconnect', () => process.exit());
process.on('message', (task: ImportTask) => process.send!(answerTo(task)));

function answerTo(task: ImportTask): ImportAnswer {
  try {
    return { result: importDatabase(task) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
