import { Injectable } from '@nestjs/common';
import type { SocketSession } from '../auth/socket-session.js';
import type { ClientSocket, SocketServer } from '../foundation/sockets/client-socket.js';
import type { Share } from '../shares/shares.repository.js';

/** The client behind a socket: a device, or a watcher who came by a share. */
export type SocketPeer =
  | { kind: 'device'; session: SocketSession }
  /** `provenAt`: when the database was last asked whether the share still exists, epoch ms. */
  | { kind: 'watcher'; share: Share; provenAt: number };

/** Data of a socket, set in the handshake. */
interface SocketData {
  peer: SocketPeer;
}

/** A socket of the account's namespace. */
export type RealtimeSocket = ClientSocket<SocketData>;

/** The sockets of accounts and shares that are connected to this process. */
@Injectable()
export class ConnectedSockets {
  /** The gateway sets it before clients can connect. */
  io!: SocketServer<SocketData>;

  /** This process's sockets in a room, the oldest first. */
  listIn(room: string): RealtimeSocket[] {
    const ids = this.io.sockets.adapter.rooms.get(room) ?? [];
    return [...ids].flatMap((id) => this.io.sockets.sockets.get(id) ?? []);
  }
}
