import { Inject, Logger, UseFilters, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import { Public } from '../../auth/device.guard.js';
import { SESSION_ENDS, SocketSessions } from '../../auth/socket-session.js';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus, type Events } from '../../foundation/events/event-bus.js';
import { dropIfDeaf } from '../../foundation/sockets/backlog.js';
import { hangUp } from '../../foundation/sockets/client-socket.js';
import { allowFrames, MAX_FRAME_BYTES, refuseFrame } from '../../foundation/sockets/frame-limit.js';
import { EDITOR_LIMITS, PacketAllowance } from '../../foundation/sockets/packet-allowance.js';
import { memberOf, wholeNumberOf } from '../../foundation/sockets/payload.js';
import {
  refusalOf,
  SocketProblemFilter,
  toAppError,
} from '../../foundation/sockets/socket-problem.filter.js';
import { LocksService } from '../../locks/locks.service.js';
import { Lifecycle } from '../../operations/lifecycle.js';
import {
  LIVE_LIMITS,
  type HoldAccepted,
  type LivePong,
  type SyncAccepted,
} from '../../protocol/documents.js';
import { DocumentsRepository } from '../documents.repository.js';
import { Gate } from './gate.js';
import { epochChanged, noSuchDocument, shuttingDown } from './live-errors.js';
import type { LiveDocument } from './live-document.js';
import { LIVE_NAMESPACE, LiveHandshake, type Admission } from './live-handshake.js';
import type { LiveNamespaces, LiveSocket } from './live-socket.js';
import { LiveTelemetry } from './live-telemetry.js';
import { OpenDocuments } from './open-documents.js';
import { Subscriber } from './subscriber.js';

const SWEEP_EVERY_MS = 1_000;
/** A client that leaves `changes` unanswered for so long is cut off. */
const STALLED_AFTER_MS = 30_000;
const RETRY_AFTER_SECONDS = 5;
/** A body, and what Socket.IO adds. */
const LIVE_FRAME_BYTES = LIVE_LIMITS.maxBatchBytes + MAX_FRAME_BYTES;

/** Problems after which the socket is useless. */
const FINAL = [...SESSION_ENDS, 'EPOCH_CHANGED', 'NOT_FOUND'] as const;

/** An admitted client of an open document. */
interface Connection {
  document: LiveDocument;
  subscriber: Subscriber;
}

/**
 * Documents' own sockets: admits clients, takes batches from the lock's holder, sends changes to everybody, and hangs up
 * when a token or an epoch ends. It is `@Public` because a socket sends its token in the handshake.
 */
@Public()
@UseFilters(new SocketProblemFilter(FINAL))
@WebSocketGateway({ namespace: LIVE_NAMESPACE })
export class LiveGateway
  implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect, OnModuleInit, OnModuleDestroy
{
  private readonly logger = new Logger('Live');
  /** Not those of the namespaces: an empty one may be replaced while a handshake of it is pending. */
  private readonly connections = new Map<LiveSocket, Connection>();
  private readonly admissions = new WeakMap<LiveSocket, Admission>();
  private readonly endings: (() => void)[] = [];
  private isStopping = false;

  constructor(
    private readonly handshake: LiveHandshake,
    private readonly open: OpenDocuments,
    private readonly gate: Gate,
    private readonly documents: DocumentsRepository,
    private readonly locks: LocksService,
    private readonly sessions: SocketSessions,
    private readonly telemetry: LiveTelemetry,
    private readonly events: EventBus,
    private readonly lifecycle: Lifecycle,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  afterInit(namespaces: LiveNamespaces): void {
    namespaces.use((socket, next) => {
      this.admit(socket).then(
        () => next(),
        (thrown) => next(refusalOf(socket, thrown, this.logger)),
      );
    });
  }

  onModuleInit(): void {
    const revoked = ({ accountId, deviceId }: Events['device.revoked']) => this.revoke(accountId, deviceId);
    const changed = (event: Events['document.changed']) => this.noteEpoch(event);
    this.endings.push(
      this.events.subscribe('server.stopping', () => (this.isStopping = true)),
      this.events.subscribe('device.revoked', revoked),
      this.events.subscribeRemote('device.revoked', revoked),
      this.events.subscribe('document.changed', changed),
      this.events.subscribeRemote('document.changed', changed),
      this.events.subscribeRemote('document.grew', (event) => this.noteGrowth(event)),
    );
    this.lifecycle.beforeRequestsEnd(() => this.open.stop());
    this.telemetry.watch(() => this.open.list());
  }

  /** Also after a start that failed, or an end without `Lifecycle`. */
  async onModuleDestroy(): Promise<void> {
    this.isStopping = true;
    for (const end of this.endings) end();
    await this.open.stop();
  }

  handleConnection(socket: LiveSocket): void {
    const { peer, document, standing, hello } = this.admissions.get(socket)!;
    this.logger.log(`Socket ${socket.id} of device ${peer.session.deviceId} connected as ${hello.role}`);
    const subscriber = new Subscriber(socket, peer, standing, document);
    this.watchPackets(socket, subscriber);
    if (document.isClosed) {
      // Its epoch has ended, or the server ends, since the handshake; connecting again tells which.
      hangUp(socket, shuttingDown());
      return;
    }
    this.connections.set(socket, { document, subscriber });
    document.subscribers.add(subscriber);
    socket.emit('hello', hello);
    Object.assign(socket, { handshake: undefined }); // it has the token
    subscriber.catchUp();
    this.dropSurplus(peer.session.accountId, peer.session.deviceId);
  }

  handleDisconnect(socket: LiveSocket, reason: string): void {
    const connection = this.connections.get(socket);
    if (!connection) return;
    const { document, subscriber } = connection;
    this.logger.log(`Socket ${socket.id} of device ${subscriber.peer.session.deviceId} closed: ${reason}`);
    this.connections.delete(socket);
    document.subscribers.delete(subscriber);
    document.usedAt = performance.now();
    subscriber.end();
  }

  /** Takes a holder's batch, and answers when it survives the end of this process. */
  @SubscribeMessage('sync')
  async sync(socket: LiveSocket, body: unknown): Promise<SyncAccepted | undefined> {
    const { document, subscriber } = this.connectionOf(socket);
    if (this.isStopping) throw shuttingDown(); // it is sent again to the server that follows
    if (!(body instanceof Uint8Array)) throw new AppError('BAD_REQUEST', { detail: 'A body is bytes.' });
    if (body.byteLength > LIVE_LIMITS.maxBatchBytes) {
      throw new AppError('BODY_TOO_LARGE', {
        detail: `A body has up to ${LIVE_LIMITS.maxBatchBytes} bytes.`,
      });
    }
    if (subscriber.syncs >= LIVE_LIMITS.maxUnansweredSync) {
      hangUp(socket, rateLimited('Too many sync wait for their answer.'));
      return undefined;
    }
    subscriber.syncs += 1;
    try {
      return await this.gate.take(document, subscriber, body);
    } finally {
      subscriber.syncs -= 1;
    }
  }

  /** Answers with the document's version, read after the ping came in. */
  @SubscribeMessage('ping')
  async ping(socket: LiveSocket, payload: unknown): Promise<LivePong> {
    const { document, subscriber } = this.connectionOf(socket);
    const n = wholeNumberOf(payload, 'n');
    const row = await this.documents.find(document.ref);
    if (!row) throw noSuchDocument();
    if (row.epoch !== document.epoch) {
      this.open.end(document, epochChanged(row)); // for everybody: its announcement did not arrive
      throw epochChanged(row);
    }
    // The announcement of what another process took may be lost.
    void this.open.catchUp(document, row.version).catch(toAppError);
    return { n, epoch: row.epoch, server_version: row.version, role: subscriber.role };
  }

  /** Makes a watcher's socket the holder's. */
  @SubscribeMessage('hold')
  async hold(socket: LiveSocket, payload: unknown): Promise<HoldAccepted> {
    const { subscriber } = this.connectionOf(socket);
    const fencingToken = wholeNumberOf(payload, 'fencing_token');
    const { ref, sessionId, session } = subscriber.peer;
    const holding = { sessionId, userId: session.deviceId, fencingToken };
    const { expiresAt } = await this.locks.renew(ref, holding);
    subscriber.fencingToken = fencingToken;
    subscriber.lockExpiresAt = expiresAt;
    return { role: 'holder', expires_at: expiresAt };
  }

  /** Extends the socket until a new token expires. */
  @SubscribeMessage('token')
  async renewToken(socket: LiveSocket, payload: unknown): Promise<{ token_expires_at: number }> {
    const { session } = this.connectionOf(socket).subscriber.peer;
    return { token_expires_at: await this.sessions.renew(session, memberOf(payload, 'access_token')) };
  }

  /** Hangs up on sockets whose token has ended or that do not answer, and has the others proved. */
  @Interval(SWEEP_EVERY_MS)
  sweep(): void {
    if (this.isStopping) return;
    const now = performance.now();
    for (const [socket, { subscriber }] of this.connections) {
      if (subscriber.silentMs(now) > STALLED_AFTER_MS) socket.conn.close(true);
      else this.sessions.check(socket, subscriber.peer.session);
    }
  }

  private async admit(socket: LiveSocket): Promise<void> {
    if (this.isStopping) throw shuttingDown();
    this.admissions.set(socket, await this.handshake.admit(socket));
    if (this.isStopping) throw shuttingDown();
    allowFrames(socket, LIVE_FRAME_BYTES);
  }

  private watchPackets(socket: LiveSocket, subscriber: Subscriber): void {
    const allowance = new PacketAllowance(EDITOR_LIMITS, performance.now());
    const count = ({ data }: { data?: unknown }) => {
      subscriber.heardAt = performance.now();
      dropIfDeaf(socket);
      // Only bodies are large, and they are bytes. The connection may serve the account's namespace too.
      if (typeof data === 'string' && data.length > MAX_FRAME_BYTES) refuseFrame(socket);
      else if (socket.connected && !allowance.take(performance.now())) {
        hangUp(socket, rateLimited('Too many events.'));
      }
    };
    socket.conn.on('packet', count);
    socket.once('disconnect', () => socket.conn.off('packet', count));
  }

  /** Of a device's sockets, the newest stay. */
  private dropSurplus(accountId: string, deviceId: string): void {
    const own = [...this.connections.values()].filter(
      ({ subscriber: { peer } }) =>
        peer.session.accountId === accountId && peer.session.deviceId === deviceId,
    );
    for (const { subscriber } of own.slice(0, Math.max(0, own.length - this.config.maxSocketsPerDevice))) {
      hangUp(subscriber.socket, new AppError('TOO_MANY_CONNECTIONS'));
    }
  }

  private revoke(accountId: string, deviceId: string): void {
    for (const [socket, { subscriber }] of this.connections) {
      const { peer } = subscriber;
      if (peer.session.accountId !== accountId || peer.session.deviceId !== deviceId) continue;
      hangUp(socket, new AppError('DEVICE_REVOKED'));
    }
  }

  private noteEpoch({ accountId, document: changed }: Events['document.changed']): void {
    const { video_id: videoId, database: kind, epoch, server_version: version } = changed;
    const document = this.open.find({ accountId, videoId, kind });
    if (document && document.epoch < epoch) this.open.end(document, epochChanged({ epoch, version }));
  }

  private noteGrowth({ accountId, videoId, kind, epoch, version }: Events['document.grew']): void {
    const document = this.open.find({ accountId, videoId, kind });
    if (document?.epoch === epoch) void this.open.catchUp(document, version).catch(toAppError);
  }

  private connectionOf(socket: LiveSocket): Connection {
    const connection = this.connections.get(socket);
    if (connection) return connection;
    throw shuttingDown(); // hung up while the event was on its way
  }
}

function rateLimited(detail: string): AppError {
  return new AppError('RATE_LIMITED', { detail, retry_after: RETRY_AFTER_SECONDS });
}
