import { io, type Socket } from 'socket.io-client';
import type { Problem } from '../../../src/protocol/errors.js';
import { SyncError } from '../api/sync-error.js';

/** Begins one connection to the server, which does not reconnect. @param timeoutMs how long it may take to be opened */
export function dial(url: string, auth: object, timeoutMs: number): Socket {
  return io(url, {
    auth,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    timeout: timeoutMs,
  });
}

/** Why a connection was not opened. If the server refused the handshake, the error carries a problem. */
export function refusal(error: Error & { data?: Problem }): SyncError {
  return error.data?.code
    ? SyncError.from(error.data)
    : SyncError.of('NO_ANSWER', 'The server could not be reached.');
}

/** A connection on which no answer comes. */
export function silent(): SyncError {
  return SyncError.of('NO_ANSWER', 'The server does not answer.');
}

/** A connection that has ended. */
export function lost(): SyncError {
  return SyncError.of('NO_ANSWER', 'The connection was lost.');
}
