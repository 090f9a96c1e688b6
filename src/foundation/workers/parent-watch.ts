import { workerData as parentPid } from 'node:worker_threads';

// A thread that ends its child process when the parent has died. A task may block the main thread for hours, so the
// main thread cannot notice the parent's end.

const LOOK_EVERY_MS = 1_000;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
