import { Worker } from 'node:worker_threads';

/** How long each sleep of the thread is. */
const NAP_MS = 20;
/** If a nap takes longer, the machine stood still. */
const STILL_MS = 150;

/** Runs in a separate thread, so that a busy main thread does not count as a machine that stands still. */
const NAPPING = `
  const { workerData: stoodStillMs } = require('node:worker_threads');
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let before = performance.now(), now; ; before = now) {
    Atomics.wait(never, 0, 0, ${NAP_MS});
    now = performance.now();
    if (now - before > ${STILL_MS}) Atomics.add(stoodStillMs, 0, Math.round(now - before - ${NAP_MS}));
  }`;

/**
 * A clock, for all tests of a file, that checks promises such as "within a second". Machines with shared processors
 * sometimes stand still for seconds, which no program notices; the clock leaves that time out.
 * @returns ms since an arbitrary moment
 */
export function shareAwakeTime(): () => number {
  const stoodStillMs = new Int32Array(new SharedArrayBuffer(4));
  let thread: Worker;
  beforeAll(() => {
    thread = new Worker(NAPPING, { eval: true, workerData: stoodStillMs });
  });
  afterAll(() => thread.terminate());
  return () => performance.now() - Atomics.load(stoodStillMs, 0);
}
