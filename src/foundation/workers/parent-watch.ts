import { workerData as parentPid } from 'node:worker_threads';

// A thread that ends its process when the one that started it has died: SQLite keeps the main thread from hearing of
// that, for hours where a file makes it.

const LOOK_EVERY_MS = 1_000;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
