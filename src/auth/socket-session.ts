import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import { hangUp, hangUpIfFinal, type AnySocket } from '../foundation/sockets/client-socket.js';
import { toAppError } from '../foundation/sockets/socket-problem.filter.js';
import { AccessTokens, type CheckedToken } from './access-tokens.js';
import { DeviceActivity } from './device-activity.js';
import { DeviceAccountsRepository, type DeviceAccount } from './device-accounts.repository.js';

/** How often to check that a device still exists: its socket can miss the announcement of a revocation. */
export const PROVE_EVERY_MS = 60_000;

/** Errors after which the sockets of a device are useless. */
export const SESSION_ENDS = ['DEVICE_REVOKED', 'HISTORY_CHANGED'] as const;

/** The device that a socket belongs to, and when its token expires. */
export interface SocketSession extends CheckedToken {
  /** The account's history when the session began. */
  historyId: string;
  /** When the database was last asked whether the device exists, epoch ms. */
  provenAt: number;
}

/** Decides whether the sockets of devices may stay open. */
@Injectable()
export class SocketSessions {
  constructor(
    private readonly tokens: AccessTokens,
    private readonly accounts: DeviceAccountsRepository,
    private readonly activity: DeviceActivity,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Begins a socket's session.
   * @param token what the client sent as access token in the handshake, of any type
   * @throws AppError TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, DEVICE_REVOKED, OVERLOADED
   */
  async begin(token: unknown): Promise<{ session: SocketSession; account: DeviceAccount }> {
    const checked = this.verify(token);
    const account = await this.accounts.find(checked.accountId, checked.deviceId);
    if (!account) throw new AppError('DEVICE_REVOKED');
    const session = { ...checked, historyId: account.historyId, provenAt: this.now() };
    if (this.isOver(session)) throw new AppError('TOKEN_EXPIRED');
    return { session, account };
  }

  /**
   * Extends a session until a new access token of the same device expires.
   * @returns when the session ends, epoch ms
   * @throws AppError as `begin`
   */
  async renew(session: SocketSession, token: unknown): Promise<number> {
    const { session: fresh } = await this.begin(token);
    if (fresh.accountId !== session.accountId || fresh.deviceId !== session.deviceId) {
      throw new AppError('TOKEN_INVALID', { detail: 'The token belongs to another device.' });
    }
    // Of two concurrent renewals, the token that expires first must not shorten the session.
    session.expiresAt = Math.max(session.expiresAt, fresh.expiresAt);
    return session.expiresAt;
  }

  /**
   * Asks the database whether the device still exists, and its account still has the same history.
   * @returns the account as it is now
   * @throws AppError DEVICE_REVOKED, HISTORY_CHANGED, OVERLOADED
   */
  async prove(session: SocketSession): Promise<DeviceAccount> {
    const { accountId, deviceId } = session;
    session.provenAt = this.now();
    const account = await this.accounts.find(accountId, deviceId);
    if (!account) throw new AppError('DEVICE_REVOKED');
    if (account.historyId !== session.historyId) {
      const detail = 'The operator began a new history of this account.';
      throw new AppError('HISTORY_CHANGED', { detail, history_id: account.historyId });
    }
    this.activity.noteSeen(accountId, deviceId);
    return account;
  }

  /** Hangs up if the token has expired or the device is gone. Call often: it asks the database only once a minute. */
  check(socket: AnySocket, session: SocketSession): void {
    if (this.isOver(session)) hangUp(socket, new AppError('TOKEN_EXPIRED'));
    else if (session.provenAt + PROVE_EVERY_MS <= this.now()) {
      this.prove(session).catch((thrown) => hangUpIfFinal(socket, toAppError(thrown), SESSION_ENDS));
    }
  }

  /** Without the tolerance that a request's token has: a session lasts until the time that the client was told. */
  private isOver({ expiresAt }: SocketSession): boolean {
    return expiresAt <= this.now();
  }

  private verify(token: unknown): CheckedToken {
    if (token === undefined) throw new AppError('TOKEN_MISSING', { detail: 'No access_token was sent.' });
    if (typeof token !== 'string') throw new AppError('TOKEN_INVALID', { detail: 'The token is no text.' });
    return this.tokens.verify(token);
  }
}
