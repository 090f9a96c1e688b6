import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { SharesModule } from '../shares/shares.module.js';
import { Announcements } from './announcements.js';
import { ConnectedSockets } from './connected-sockets.js';
import { Handshake } from './handshake.js';
import { RealtimeGateway } from './realtime.gateway.js';
import { SocketsModule } from '../foundation/sockets/sockets.module.js';
import { SyncModule } from '../sync/sync.module.js';
import { WatchedGames } from './watched-games.js';

/** Announces changes to connected clients; no module imports it, it subscribes to the event bus. */
@Module({
  imports: [AuthModule, SharesModule, SocketsModule, SyncModule],
  providers: [Announcements, ConnectedSockets, Handshake, RealtimeGateway, WatchedGames],
})
export class RealtimeModule {}
