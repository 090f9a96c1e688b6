import { Injectable } from '@nestjs/common';
import type { SocketSession } from '../auth/socket-session.js';
import type { ClientSocket, SocketServer } from '../foundation/sockets/client-socket.js';
import type { Share } from '../shares/shares.repository.js';

/** Whom a socket belongs to: a device, or someone who was given the link to a game. */
export type SocketPeer =
  | { kind: 'device'; session: SocketSession }
  /** `provenAt`: when the database was last asked whether the link still works, epoch ms. */
  | { kind: 'watcher'; share: Share; provenAt: number };

/** What is kept with a socket; there from the handshake on. */
interface SocketData {
  peer: SocketPeer;
}

/** A socket of the account's namespace. */
export type RealtimeSocket = ClientSocket<SocketData>;

/** The sockets of accounts and shares that are connected to this process. */
@Injectable()
export class ConnectedSockets {
  /** Set by the gateway before anyone can connect. */
  io!: SocketServer<SocketData>;

  /** The sockets in a room of this process, the oldest first. */
  listIn(room: string): RealtimeSocket[] {
    const ids = this.io.sockets.adapter.rooms.get(room) ?? [];
    return [...ids].flatMap((id) => this.io.sockets.sockets.get(id) ?? []);
  }
}
