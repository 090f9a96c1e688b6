import type { ClientSocket } from './client-socket.js';

/** What a client may send at once before a gateway allows it more. A larger frame is not read: it ends the connection. */
export const MAX_FRAME_BYTES = 16 * 1_024;

const TOO_LARGE = 1_009;

/** The connection of the package ws, as far as it is used here. */
interface WebSocket {
  _receiver: { _maxPayload: number };
  close(code: number): void;
}

/**
 * Allows an admitted client larger frames. The limit is the connection's own, so that whoever is not admitted cannot make
 * the server keep more than the small one.
 */
export function allowFrames(socket: Pick<ClientSocket, 'conn'>, bytes: number): void {
  webSocketOf(socket)._receiver._maxPayload = bytes; // ws looks at it with each frame
}

/** Ends a connection as ws does after a frame that is too large. */
export function refuseFrame(socket: Pick<ClientSocket, 'conn'>): void {
  webSocketOf(socket).close(TOO_LARGE);
  socket.conn.close(true);
}

function webSocketOf({ conn }: Pick<ClientSocket, 'conn'>): WebSocket {
  return (conn.transport as unknown as { socket: WebSocket }).socket;
}
