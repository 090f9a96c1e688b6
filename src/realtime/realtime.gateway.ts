import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DeviceActivity } from '../auth/device-activity.js';
import { SessionsRepository } from '../auth/sessions.repository.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { toProblem } from '../foundation/errors/problem.js';
import { EventBus } from '../foundation/events/event-bus.js';
import type { ErrorCode } from '../protocol/errors.js';
import type { ClientEvents, Hello, Pong, TokenAccepted } from '../protocol/events.js';
import type { Timestamp } from '../protocol/sync.js';
import { dropIfDeaf } from '../foundation/sockets/backlog.js';
import { Handshake } from './handshake.js';
import { DEVICE_LIMITS, PacketAllowance, WATCHER_LIMITS } from '../foundation/sockets/packet-allowance.js';
import { accountRoom, deviceRoom, gameRoom, shareRoom } from './rooms.js';
import {
  hangUp,
  SocketServer,
  type ClientSocket,
  type SocketOwner,
} from '../foundation/sockets/io.adapter.js';
import { WatchedGames } from './watched-games.js';

const SWEEP_EVERY_MS = 1_000;
/** A revocation can come between handshake and greeting, or be lost on its way from another process. */
const PROVE_EVERY_MS = 60_000;
const RETRY_AFTER_SECONDS = 5;

/** After these there is nothing left to talk about. */
const FINAL: readonly ErrorCode[] = ['DEVICE_REVOKED', 'SHARE_WITHDRAWN', 'QUOTA_EXCEEDED'];

type Answers = {
  readonly [E in keyof ClientEvents]: (socket: ClientSocket, payload: unknown) => Promise<object>;
};

/** Lets clients in, answers their questions, and hangs up when their time is over. */
@Injectable()
export class RealtimeGateway implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Realtime');
  /** Connections that have had their handshake; each gets one, and a second one ends it. */
  private readonly met = new WeakSet<ClientSocket['conn']>();
  private readonly hellos = new WeakMap<ClientSocket, Hello>();
  private readonly answers: Answers = {
    ping: (socket, payload) => this.ping(socket, payload),
    token: (socket, payload) => this.renewToken(socket, payload),
  };
  private isStopping = false;
  private sweeper?: NodeJS.Timeout;
  private endSubscription?: () => void;

  constructor(
    private readonly sockets: SocketServer,
    private readonly handshake: Handshake,
    private readonly games: WatchedGames,
    private readonly sessions: SessionsRepository,
    private readonly activity: DeviceActivity,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  onModuleInit(): void {
    const { io } = this.sockets;
    io.use((socket, next) => {
      if (this.met.has(socket.conn)) {
        socket.conn.close(true);
        return;
      }
      this.met.add(socket.conn);
      this.admit(socket).then(
        () => next(),
        (thrown) => next(this.refusal(socket, thrown)),
      );
    });
    io.on('connection', (socket) => this.welcome(socket));
    this.sweeper = setInterval(() => this.sweep(), SWEEP_EVERY_MS).unref();
    this.endSubscription = this.events.subscribe('server.stopping', () => this.stop());
  }

  onModuleDestroy(): void {
    clearInterval(this.sweeper);
    this.endSubscription?.();
    this.stop();
  }

  private async admit(socket: ClientSocket): Promise<void> {
    if (this.isStopping) throw shuttingDown();
    const { owner, hello } = await this.handshake.admit(socket);
    if (this.isStopping) throw shuttingDown();
    socket.data = { owner, provenAt: this.now() };
    this.hellos.set(socket, hello);
  }

  private refusal(socket: ClientSocket, thrown: unknown): Error {
    const error = this.toAppError(thrown);
    this.logger.log(`Refused socket ${socket.id}: ${error.code}`);
    return Object.assign(new Error(error.code), { data: toProblem(error, socket.id) });
  }

  private welcome(socket: ClientSocket): void {
    const { owner } = socket.data;
    const who = owner.kind === 'device' ? `device ${owner.deviceId}` : `share ${owner.share.shareId}`;
    this.logger.log(`Socket ${socket.id} of ${who} connected`);
    socket.on('disconnect', (reason) => this.logger.log(`Socket ${socket.id} of ${who} closed: ${reason}`));
    const limits = owner.kind === 'device' ? DEVICE_LIMITS : WATCHER_LIMITS;
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
    socket.onAny((name: string, ...args: unknown[]) => void this.answer(socket, name, args));
    forgetRequest(socket);
    socket.emit('hello', this.hellos.get(socket)!);
    if (owner.kind === 'device') this.joinDevice(socket, owner);
    else this.joinWatcher(socket, owner);
  }

  private joinDevice(socket: ClientSocket, owner: SocketOwner & { kind: 'device' }): void {
    const { accountId, deviceId } = owner;
    const own = deviceRoom(accountId, deviceId);
    void socket.join([accountRoom(accountId), own]);
    this.activity.noteSeen(accountId, deviceId);
    const all = this.sockets.socketsIn(own);
    const surplus = all.slice(0, Math.max(0, all.length - this.config.maxSocketsPerDevice));
    for (const oldest of surplus) hangUp(oldest, new AppError('TOO_MANY_CONNECTIONS'));
  }

  private joinWatcher(socket: ClientSocket, { share }: SocketOwner & { kind: 'watcher' }): void {
    void socket.join([shareRoom(share.shareId), gameRoom(share)]);
    this.games.greet(socket, share);
  }

  private async answer(socket: ClientSocket, name: string, args: unknown[]): Promise<void> {
    const reply = args.at(-1);
    // Whoever does not listen is spared the work.
    if (typeof reply !== 'function') return;
    try {
      const answer = Object.hasOwn(this.answers, name) ? this.answers[name as keyof Answers] : undefined;
      if (!answer) throw new AppError('BAD_REQUEST', { detail: 'There is no such event.' });
      reply(await answer(socket, args.length > 1 ? args[0] : undefined));
    } catch (thrown) {
      const error = this.toAppError(thrown);
      reply({ problem: toProblem(error, socket.id) });
      this.hangUpIfFinal(socket, error);
    }
  }

  private hangUpIfFinal(socket: ClientSocket, error: AppError): void {
    if (FINAL.includes(error.code)) hangUp(socket, error);
  }

  private async ping(socket: ClientSocket, payload: unknown): Promise<Pong> {
    const n = memberOf(payload, 'n');
    if (typeof n !== 'number' || !Number.isSafeInteger(n)) {
      throw new AppError('BAD_REQUEST', { detail: 'n must be a whole number.' });
    }
    const timestamp = await this.prove(socket);
    // Or the watcher would miss what the timestamp speaks of.
    await this.games.untilNewestIsSent(socket);
    return { n, timestamp };
  }

  /** The clock, as the database has it now. @throws AppError DEVICE_REVOKED, SHARE_WITHDRAWN, OVERLOADED */
  private async prove({ data }: ClientSocket): Promise<Timestamp> {
    const { owner } = data;
    data.provenAt = this.now();
    if (owner.kind === 'watcher') return this.games.check(owner.share);
    const account = await this.sessions.find(owner.accountId, owner.deviceId);
    if (!account) throw new AppError('DEVICE_REVOKED');
    this.activity.noteSeen(owner.accountId, owner.deviceId);
    return account.clock;
  }

  private async renewToken(socket: ClientSocket, payload: unknown): Promise<TokenAccepted> {
    const { owner } = socket.data;
    if (owner.kind === 'watcher') throw new AppError('BAD_REQUEST', { detail: 'A link needs no token.' });
    const { token } = await this.handshake.checkToken(memberOf(payload, 'access_token'));
    if (token.accountId !== owner.accountId || token.deviceId !== owner.deviceId) {
      throw new AppError('TOKEN_INVALID', { detail: 'The token belongs to another device.' });
    }
    // An answer that was overtaken must not shorten what a later token brought.
    owner.tokenExpiresAt = Math.max(owner.tokenExpiresAt, token.expiresAt);
    return { token_expires_at: owner.tokenExpiresAt };
  }

  private sweep(): void {
    const now = this.now();
    for (const socket of this.sockets.io.sockets.sockets.values()) {
      const { owner, provenAt } = socket.data;
      if (owner.kind === 'device' && owner.tokenExpiresAt <= now) {
        hangUp(socket, new AppError('TOKEN_EXPIRED'));
      } else if (provenAt + PROVE_EVERY_MS <= now) {
        this.prove(socket).catch((thrown) => this.hangUpIfFinal(socket, this.toAppError(thrown)));
      }
    }
    this.games.sweep();
  }

  private stop(): void {
    this.isStopping = true;
    for (const socket of this.sockets.io.sockets.sockets.values()) hangUp(socket, shuttingDown());
  }

  private toAppError(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    this.logger.error(thrown);
    return new AppError('INTERNAL', {}, { cause: thrown });
  }
}

function shuttingDown(): AppError {
  return new AppError('SHUTTING_DOWN', { retry_after: RETRY_AFTER_SECONDS });
}

/** Lets go of what the connection began with, the token among it: needed no more, kept as long as the socket. */
function forgetRequest(socket: ClientSocket): void {
  Object.assign(socket.conn, { request: undefined });
  Object.assign(socket, { handshake: undefined });
}

function memberOf(payload: unknown, name: string): unknown {
  if (typeof payload !== 'object' || payload === null || !Object.hasOwn(payload, name)) return undefined;
  return (payload as Record<string, unknown>)[name];
}
