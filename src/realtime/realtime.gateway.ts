import { Inject, Logger, UseFilters, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import { checkpointOf } from '../auth/accounts.repository.js';
import { Public } from '../auth/device.guard.js';
import { DeviceActivity } from '../auth/device-activity.js';
import { PROVE_EVERY_MS, SESSION_ENDS, SocketSessions, type SocketSession } from '../auth/socket-session.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import { dropIfDeaf } from '../foundation/sockets/backlog.js';
import { hangUp, hangUpIfFinal } from '../foundation/sockets/client-socket.js';
import { DEVICE_LIMITS, PacketAllowance, WATCHER_LIMITS } from '../foundation/sockets/packet-allowance.js';
import { memberOf, wholeNumberOf } from '../foundation/sockets/payload.js';
import { refusalOf, SocketProblemFilter, toAppError } from '../foundation/sockets/socket-problem.filter.js';
import type { Hello, Pong, TokenAccepted } from '../protocol/events.js';
import type { Timestamp } from '../protocol/sync.js';
import type { Share } from '../shares/shares.repository.js';
import { ConnectedSockets, type RealtimeSocket, type SocketPeer } from './connected-sockets.js';
import { Handshake } from './handshake.js';
import { accountRoom, deviceRoom, gameRoom, shareRoom } from './rooms.js';
import { WatchedGames } from './watched-games.js';

const SWEEP_EVERY_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;
/** Errors after which the connection is useless. */
const FINAL = [...SESSION_ENDS, 'SHARE_WITHDRAWN', 'QUOTA_EXCEEDED'] as const;

/**
 * The account's socket: admits clients, answers their events, and hangs up when their token or share has ended. It is
 * `@Public` because the guard checks HTTP requests; a socket sends its token in the handshake.
 */
@Public()
@UseFilters(new SocketProblemFilter(FINAL))
@WebSocketGateway()
export class RealtimeGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, OnModuleInit, OnModuleDestroy
{
  @WebSocketServer() private readonly io!: ConnectedSockets['io'];
  private readonly logger = new Logger('Realtime');
  /** Connections that have begun a handshake; a second handshake on the same connection closes it. */
  private readonly met = new WeakSet<RealtimeSocket['conn']>();
  private readonly hellos = new WeakMap<RealtimeSocket, Hello>();
  private isStopping = false;
  private endSubscription?: () => void;

  constructor(
    private readonly sockets: ConnectedSockets,
    private readonly handshake: Handshake,
    private readonly games: WatchedGames,
    private readonly sessions: SocketSessions,
    private readonly activity: DeviceActivity,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  afterInit(io: ConnectedSockets['io']): void {
    this.sockets.io = io;
    io.use((socket, next) => {
      if (this.met.has(socket.conn)) {
        socket.conn.close(true);
        return;
      }
      this.met.add(socket.conn);
      this.admit(socket).then(
        () => next(),
        (thrown) => next(refusalOf(socket, thrown, this.logger)),
      );
    });
  }

  onModuleInit(): void {
    // Nest closes its adapter only after every module, but clients must know as soon as the process begins to stop.
    this.endSubscription = this.events.subscribe('server.stopping', () => this.stop());
  }

  onModuleDestroy(): void {
    this.endSubscription?.();
    this.stop();
  }

  handleConnection(socket: RealtimeSocket): void {
    const { peer } = socket.data;
    this.logger.log(`Socket ${socket.id} of ${nameOf(peer)} connected`);
    const limits = peer.kind === 'device' ? DEVICE_LIMITS : WATCHER_LIMITS;
    const allowance = new PacketAllowance(limits, performance.now());
    socket.conn.on('packet', () => {
      dropIfDeaf(socket);
      if (socket.connected && !allowance.take(performance.now())) {
        hangUp(
          socket,
          new AppError('RATE_LIMITED', { detail: 'Too many events.', retry_after: RETRY_AFTER_SECONDS }),
        );
      }
    });
    forgetRequest(socket);
    socket.emit('hello', this.hellos.get(socket)!);
    if (peer.kind === 'device') this.joinDevice(socket, peer.session);
    else this.joinWatcher(socket, peer.share);
  }

  handleDisconnect(socket: RealtimeSocket, reason: string): void {
    this.logger.log(`Socket ${socket.id} of ${nameOf(socket.data.peer)} closed: ${reason}`);
  }

  /** Answers with the account's clock, read after the ping arrived, so that the client knows whether it is up to date. */
  @SubscribeMessage('ping')
  async ping(socket: RealtimeSocket, payload: unknown): Promise<Pong> {
    const n = wholeNumberOf(payload, 'n');
    const { peer } = socket.data;
    if (peer.kind === 'device') {
      const account = await this.sessions.prove(peer.session);
      return { n, timestamp: account.clock, checkpoint: checkpointOf(account) };
    }
    const timestamp = await this.proveShare(peer);
    // Otherwise the watcher would get the timestamp before its scoreboard.
    await this.games.untilNewestIsSent(socket);
    return { n, timestamp };
  }

  /** Extends a device's socket until a new token expires. */
  @SubscribeMessage('token')
  async renewToken(socket: RealtimeSocket, payload: unknown): Promise<TokenAccepted> {
    const { peer } = socket.data;
    if (peer.kind === 'watcher') throw new AppError('BAD_REQUEST', { detail: 'A link needs no token.' });
    return { token_expires_at: await this.sessions.renew(peer.session, memberOf(payload, 'access_token')) };
  }

  /** Hangs up on sockets whose token or share has ended, and has the others proved. */
  @Interval(SWEEP_EVERY_MS)
  sweep(): void {
    if (this.isStopping) return;
    const now = this.now();
    for (const socket of this.io.sockets.sockets.values()) {
      const { peer } = socket.data;
      if (peer.kind === 'device') this.sessions.check(socket, peer.session);
      else if (peer.provenAt + PROVE_EVERY_MS <= now) {
        this.proveShare(peer).catch((thrown) => hangUpIfFinal(socket, toAppError(thrown), FINAL));
      }
    }
    this.games.sweep();
  }

  private async admit(socket: RealtimeSocket): Promise<void> {
    if (this.isStopping) throw shuttingDown();
    const { peer, hello } = await this.handshake.admit(socket);
    if (this.isStopping) throw shuttingDown();
    socket.data = { peer };
    this.hellos.set(socket, hello);
  }

  private joinDevice(socket: RealtimeSocket, { accountId, deviceId }: SocketSession): void {
    const own = deviceRoom(accountId, deviceId);
    void socket.join([accountRoom(accountId), own]);
    this.activity.noteSeen(accountId, deviceId);
    const all = this.sockets.listIn(own);
    const surplus = all.slice(0, Math.max(0, all.length - this.config.maxSocketsPerDevice));
    for (const oldest of surplus) hangUp(oldest, new AppError('TOO_MANY_CONNECTIONS'));
  }

  private joinWatcher(socket: RealtimeSocket, share: Share): void {
    void socket.join([shareRoom(share.shareId), gameRoom(share)]);
    this.games.greet(socket, share);
  }

  /** The timestamp of the newest scoreboard. @throws AppError SHARE_WITHDRAWN, QUOTA_EXCEEDED, OVERLOADED */
  private proveShare(peer: SocketPeer & { kind: 'watcher' }): Promise<Timestamp> {
    peer.provenAt = this.now();
    return this.games.check(peer.share);
  }

  private stop(): void {
    this.isStopping = true;
    // `io` is undefined if the start failed before the Socket.IO server was made.
    for (const socket of this.io?.sockets.sockets.values() ?? []) hangUp(socket, shuttingDown());
  }
}

function nameOf(peer: SocketPeer): string {
  return peer.kind === 'device' ? `device ${peer.session.deviceId}` : `share ${peer.share.shareId}`;
}

function shuttingDown(): AppError {
  return new AppError('SHUTTING_DOWN', { retry_after: RETRY_AFTER_SECONDS });
}

/** Frees the handshake's data, including the token: Socket.IO would keep it as long as the socket. */
function forgetRequest(socket: RealtimeSocket): void {
  Object.assign(socket.conn, { request: undefined });
  Object.assign(socket, { handshake: undefined });
}
