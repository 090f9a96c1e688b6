import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../auth/accounts.repository.js';
import { SocketSessions } from '../auth/socket-session.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Hello } from '../protocol/events.js';
import type { Schema } from '../protocol/schema.js';
import { PROTOCOL_VERSION } from '../protocol/version.js';
import { SharesService } from '../shares/shares.service.js';
import { HistoryService } from '../sync/history.service.js';
import { readClientState } from '../sync/requests.js';
import { isOriginAllowed } from '../foundation/sockets/origin.js';
import type { RealtimeSocket, SocketPeer } from './connected-sockets.js';
import { WatchedGames } from './watched-games.js';

type Fields = Record<string, unknown>;

/** An admitted client and its greeting. */
interface Admission {
  peer: SocketPeer;
  hello: Hello;
}

/** Decides which clients may connect. */
@Injectable()
export class Handshake {
  constructor(
    private readonly database: Database,
    private readonly sessions: SocketSessions,
    private readonly accounts: AccountsRepository,
    private readonly history: HistoryService,
    private readonly shares: SharesService,
    private readonly games: WatchedGames,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Admits a client with a valid token of a device or of a share, if its protocol and schema fit this server.
   * @throws AppError ORIGIN_REFUSED, BAD_REQUEST, PROTOCOL_MISMATCH, TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED,
   *   DEVICE_REVOKED, HISTORY_CHANGED, SCHEMA_AHEAD, SHARE_WITHDRAWN, TOO_MANY_CONNECTIONS, OVERLOADED
   */
  admit(socket: RealtimeSocket): Promise<Admission> {
    const { headers } = socket.handshake;
    const auth: Fields = socket.handshake.auth;
    if (!isOriginAllowed(headers, this.config)) throw new AppError('ORIGIN_REFUSED');
    checkProtocol(auth.protocol_version);
    // With own tables there are no games to watch, and `share_token` is a member like any other that means nothing.
    const isWatcher = auth.share_token !== undefined && this.config.tables === null;
    return isWatcher ? this.admitWatcher(auth.share_token) : this.admitDevice(auth);
  }

  private async admitDevice(auth: Fields): Promise<Admission> {
    const { session, account } = await this.sessions.begin(auth.access_token);
    const { schema_version, history_id, checkpoint } = auth;
    const client = readClientState({ schema_version, history_id, checkpoint });
    await this.history.checkStamps(this.database, session.accountId, account, client);
    return {
      peer: { kind: 'device', session },
      hello: this.hello(account.historyId, account.clock, session.expiresAt),
    };
  }

  private async admitWatcher(token: unknown): Promise<Admission> {
    if (typeof token !== 'string') throw new AppError('SHARE_WITHDRAWN');
    const share = await this.shares.getByToken(token);
    const scoreboard = await this.games.open(share);
    const { historyId } = await this.accounts.get(this.database, share.accountId);
    return {
      peer: { kind: 'watcher', share, provenAt: this.now() },
      hello: this.hello(historyId, scoreboard.timestamp, null),
    };
  }

  private hello(historyId: string, timestamp: number, tokenExpiresAt: number | null): Hello {
    return {
      history_id: historyId,
      schema_version: this.schema.version,
      protocol_version: PROTOCOL_VERSION,
      timestamp,
      token_expires_at: tokenExpiresAt,
    };
  }
}

function checkProtocol(version: unknown): void {
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) {
    throw new AppError('BAD_REQUEST', { detail: 'protocol_version must be a whole number.' });
  }
  if (version === PROTOCOL_VERSION) return;
  throw new AppError('PROTOCOL_MISMATCH', {
    detail: `The app speaks protocol version ${version}, the server ${PROTOCOL_VERSION}.`,
    protocol_version: PROTOCOL_VERSION,
  });
}
