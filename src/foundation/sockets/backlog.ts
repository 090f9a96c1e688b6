import { once } from 'node:events';
import type { ClientSocket } from './client-socket.js';

const MAX_UNSENT = 100;
const STALLED_AFTER_MS = 15_000;

/** Whether something is still on its way to the client. */
export function isBusy({ conn }: ClientSocket): boolean {
  return !conn.transport.writable;
}

/** Cuts a client off that sends but does not read: what waits for it would grow without end. */
export function dropIfDeaf({ conn }: ClientSocket): void {
  if (conn['writeBuffer'].length > MAX_UNSENT) conn.close(true);
}

/** Waits until what is on its way has left; a client that takes too long is cut off. */
export async function untilSent({ conn }: ClientSocket): Promise<void> {
  try {
    await once(conn.transport, 'ready', { signal: AbortSignal.timeout(STALLED_AFTER_MS) });
  } catch {
    conn.close(true);
  }
}
