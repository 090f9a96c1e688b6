import { workerData as parentPid } from 'node:worker_threads';

// A thread of a child process that ends the process when its parent has died: work that blocks the main thread, for
// hours if it comes to that, keeps it from hearing of the parent's end.

const LOOK_EVERY_MS = 1_000;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
