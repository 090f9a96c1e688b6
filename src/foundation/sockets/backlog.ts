import { once } from 'node:events';
import type { AnySocket, ClientSocket } from './client-socket.js';

const MAX_UNSENT = 100;
const STALLED_AFTER_MS = 15_000;

/** Whether a packet is still being sent to the client. */
export function isBusy({ conn }: AnySocket): boolean {
  return !conn.transport.writable;
}

/** Cuts off a client that sends but does not read: its unsent packets would grow without limit. */
export function dropIfDeaf({ conn }: AnySocket): void {
  if (conn['writeBuffer'].length > MAX_UNSENT) conn.close(true);
}

/** Waits until the current packets are sent; a client that takes longer than 15 s is cut off. */
export async function untilSent({ conn }: ClientSocket): Promise<void> {
  try {
    await once(conn.transport, 'ready', { signal: AbortSignal.timeout(STALLED_AFTER_MS) });
  } catch {
    conn.close(true);
  }
}
