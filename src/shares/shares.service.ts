import { createHash, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../auth/accounts.repository.js';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { Database, type Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import { ScoreboardReader } from './scoreboard.reader.js';
import { SharesRepository, type Share, type ShareProfile } from './shares.repository.js';

const MAX_SHARES_PER_GAME = 50;
const MAX_SHARES_PER_ACCOUNT = 1_000;
const TOKEN_PATTERN = /^[\w-]{43}$/;

/** Links with which people without an account watch one game. */
@Injectable()
export class SharesService {
  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly shares: SharesRepository,
    private readonly scoreboards: ScoreboardReader,
    private readonly events: EventBus,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Makes a share of a game; only this call returns its token.
   * @throws AppError DEVICE_REVOKED, NOT_FOUND, QUOTA_EXCEEDED
   */
  async create(
    device: { accountId: string; deviceId: string },
    gameId: string,
  ): Promise<ShareProfile & { token: string }> {
    const { accountId, deviceId } = device;
    const share: Share = { accountId, gameId, shareId: randomBytes(12).toString('base64url') };
    const token = randomBytes(32).toString('base64url');
    const createdAt = this.now();
    await this.database.transaction(async (tx) => {
      await this.accounts.lockAs(tx, device); // else shares made at the same time would not count each other
      if (!(await this.scoreboards.exists(tx, accountId, gameId))) throw noSuchGame();
      if ((await this.shares.countOfGame(tx, accountId, gameId)) >= MAX_SHARES_PER_GAME) {
        throw new AppError('QUOTA_EXCEEDED', { detail: `A game may have ${MAX_SHARES_PER_GAME} links.` });
      }
      await this.makeRoom(tx, accountId);
      await this.shares.create(tx, share, hash(token), deviceId, createdAt);
    });
    return { shareId: share.shareId, createdAt, token };
  }

  /** The shares of a game, the oldest first. @throws AppError NOT_FOUND */
  async list(accountId: string, gameId: string): Promise<ShareProfile[]> {
    if (!(await this.scoreboards.exists(this.database, accountId, gameId))) throw noSuchGame();
    return this.shares.list(accountId, gameId);
  }

  /** Withdraws a share; its link stops working at once. @throws AppError NOT_FOUND */
  async withdraw(accountId: string, shareId: string): Promise<void> {
    const isRemoved = await this.database.transaction((tx) => this.shares.remove(tx, accountId, shareId));
    if (!isRemoved) throw new AppError('NOT_FOUND', { detail: 'There is no such link.' });
    this.events.publish('share.withdrawn', { accountId, shareId });
  }

  /** The share with this token. @throws AppError SHARE_WITHDRAWN */
  async getByToken(token: string): Promise<Share> {
    const share = TOKEN_PATTERN.test(token) ? await this.shares.findByToken(hash(token)) : null;
    if (!share) throw new AppError('SHARE_WITHDRAWN');
    return share;
  }

  /** Removes shares of deleted games if the account is full. @throws AppError QUOTA_EXCEEDED when there are none */
  private async makeRoom(tx: Transaction, accountId: string): Promise<void> {
    if ((await this.shares.countOfAccount(tx, accountId)) < MAX_SHARES_PER_ACCOUNT) return;
    if ((await this.shares.removeOfDeletedGames(tx, accountId)) > 0) return;
    throw new AppError('QUOTA_EXCEEDED', { detail: `An account may have ${MAX_SHARES_PER_ACCOUNT} links.` });
  }
}

function noSuchGame(): AppError {
  return new AppError('NOT_FOUND', { detail: 'There is no such game.' });
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
