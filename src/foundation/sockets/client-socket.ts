import type { Server, Socket } from 'socket.io';
import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientEvents, ServerEvents } from '../../protocol/events.js';
import type { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import type { Events } from '../events/event-bus.js';

/** After these there is nothing left to talk about. */
const FINAL: readonly ErrorCode[] = ['DEVICE_REVOKED', 'SHARE_WITHDRAWN', 'QUOTA_EXCEEDED'];

/** An event of the bus, with its name. */
export type Announcement = { [N in keyof Events]: [name: N, event: Events[N]] }[keyof Events];

/** What one process tells the others. */
interface ClusterEvents {
  announce: (announcements: Announcement[]) => void;
}

/** The Socket.IO server of this process. `Data` is what a gateway keeps with each of its sockets. */
export type SocketServer<Data = unknown> = Server<ClientEvents, ServerEvents, ClusterEvents, Data>;

/** A connected client. */
export type ClientSocket<Data = unknown> = Socket<ClientEvents, ServerEvents, ClusterEvents, Data>;

/** Tells a client why, then cuts it off. */
export function hangUp(socket: ClientSocket, error: AppError): void {
  socket.emit('closed', toProblem(error, socket.id));
  socket.disconnect(true);
}

/** Hangs up when the error is the last word on this connection. */
export function hangUpIfFinal(socket: ClientSocket, error: AppError): void {
  if (FINAL.includes(error.code)) hangUp(socket, error);
}
