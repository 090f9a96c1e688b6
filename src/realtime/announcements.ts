import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus, type Events } from '../foundation/events/event-bus.js';
import { accountRoom, deviceRoom } from './rooms.js';
import { hangUp, type Announcement } from '../foundation/sockets/client-socket.js';
import { Cluster } from '../foundation/sockets/cluster.js';
import { ConnectedSockets } from './connected-sockets.js';
import { WatchedGames } from './watched-games.js';

/** How this process delivers each event to its sockets, whichever process published it. */
type Deliveries = { readonly [N in Exclude<keyof Events, 'server.stopping'>]: (event: Events[N]) => void };

/** Delivers bus events of this and all other processes to the sockets they concern. */
@Injectable()
export class Announcements implements OnModuleInit, OnModuleDestroy {
  private readonly endings: (() => void)[] = [];
  private readonly deliveries: Deliveries = {
    'records.changed': ({ accountId, deviceId, timestamp }) => {
      this.toOthers(accountId, deviceId)?.emit('changes', { timestamp, device_id: deviceId });
      void this.games.refreshAccount(accountId);
    },
    'device.joined': ({ accountId, deviceId, name }) =>
      void this.toOthers(accountId, deviceId)?.emit('device_joined', { device_id: deviceId, name }),
    'device.revoked': ({ accountId, deviceId }) => {
      this.toOthers(accountId, deviceId)?.emit('device_revoked', { device_id: deviceId });
      for (const socket of this.sockets.listIn(deviceRoom(accountId, deviceId))) {
        hangUp(socket, new AppError('DEVICE_REVOKED'));
      }
    },
    'share.withdrawn': ({ shareId }) => this.games.withdraw(shareId),
    'lock.changed': ({ accountId, lock }) => void this.toAll(accountId)?.emit('lock_changed', lock),
    'document.changed': ({ accountId, document }) =>
      void this.toAll(accountId)?.emit('document_changed', document),
    'document.grew': () => undefined, // for the other processes
    'session.transferred': ({ accountId, transfer }) =>
      void this.toAll(accountId)?.emit('session_transferred', transfer),
  };

  constructor(
    private readonly events: EventBus,
    private readonly sockets: ConnectedSockets,
    private readonly cluster: Cluster,
    private readonly games: WatchedGames,
  ) {}

  onModuleInit(): void {
    for (const name of Object.keys(this.deliveries) as (keyof Deliveries)[]) this.forward(name);
    this.cluster.listen((announcements) => {
      for (const [name, event] of announcements) {
        if (!Object.hasOwn(this.deliveries, name)) continue;
        this.deliver(name as keyof Deliveries, event as never);
        this.events.publishRemote(name, event);
      }
    });
  }

  onModuleDestroy(): void {
    for (const end of this.endings) end();
  }

  private forward<N extends keyof Deliveries>(name: N): void {
    const end = this.events.subscribe(name, (event) => {
      this.deliver(name, event);
      this.cluster.tell([name, event] as Announcement);
    });
    this.endings.push(end);
  }

  private deliver<N extends keyof Deliveries>(name: N, event: Events[N]): void {
    (this.deliveries[name] as (event: Events[N]) => void)(event);
  }

  /** The account's sockets in this process; null: there are none, so the event need not be encoded. */
  private toAll(accountId: string) {
    const { local, sockets } = this.sockets.io;
    const room = accountRoom(accountId);
    return sockets.adapter.rooms.has(room) ? local.to(room) : null;
  }

  private toOthers(accountId: string, deviceId: string) {
    return this.toAll(accountId)?.except(deviceRoom(accountId, deviceId));
  }
}
