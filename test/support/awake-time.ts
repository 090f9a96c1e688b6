import { Worker } from 'node:worker_threads';

/** How long the thread sleeps at a time. */
const NAP_MS = 20;
/** A nap that takes longer means that the machine stood still. */
const STILL_MS = 150;

/** Runs in a thread of its own, so that a busy main thread is not taken for a machine that stands still. */
const NAPPING = `
  const { workerData: stoodStillMs } = require('node:worker_threads');
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let before = performance.now(), now; ; before = now) {
    Atomics.wait(never, 0, 0, ${NAP_MS});
    now = performance.now();
    if (now - before > ${STILL_MS}) Atomics.add(stoodStillMs, 0, Math.round(now - before - ${NAP_MS}));
  }`;

/**
 * A clock for promises such as "within a second". Machines that share their processors stand still for seconds at
 * times, of which no product knows: that time is left out. For all the tests of a file.
 * @returns ms, from any beginning
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
