import type { Server, Socket } from 'socket.io';
import type { ErrorCode, Problem } from '../../protocol/errors.js';
import type { ClientEvents, ServerEvents } from '../../protocol/events.js';
import type { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import type { Events } from '../events/event-bus.js';

/** An event of the bus, with its name. */
export type Announcement = { [N in keyof Events]: [name: N, event: Events[N]] }[keyof Events];

/** Messages from one process to the others. */
interface ClusterEvents {
  announce: (announcements: Announcement[]) => void;
}

/** The Socket.IO server of this process. `Data` is the data that a gateway stores with each socket. */
export type SocketServer<Data = unknown> = Server<ClientEvents, ServerEvents, ClusterEvents, Data>;

/** A connected client. */
export type ClientSocket<Data = unknown> = Socket<ClientEvents, ServerEvents, ClusterEvents, Data>;

/** A client of any namespace: each gateway has its own events, and all of them have `closed`. */
export interface AnySocket {
  readonly id: string;
  readonly conn: ClientSocket['conn'];
  readonly client: object;
  emit(name: 'closed', problem: Problem): unknown;
  disconnect(close: boolean): unknown;
}

/** Sends a client the reason, then disconnects it; the connection stays for its other namespaces, if it has any. */
export function hangUp(socket: AnySocket, error: AppError): void {
  socket.emit('closed', toProblem(error, socket.id));
  const { sockets } = socket.client as { sockets: ReadonlyMap<string, unknown> };
  socket.disconnect(sockets.size <= 1);
}

/** Hangs up if the error is one of those that make the connection useless. */
export function hangUpIfFinal(socket: AnySocket, error: AppError, final: readonly ErrorCode[]): void {
  if (final.includes(error.code)) hangUp(socket, error);
}
