import { Inject, Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { networkOf } from './client-network.js';
import { RateLimitsRepository } from './rate-limits.repository.js';

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3_600;
const WRONG_CODES_PER_ADDRESS = 10;
const WRONG_CODES_IN_TOTAL = 200;
const ALL_ADDRESSES = '*';
const PRUNE_EVERY_MS = 5 * 60_000;

/** Limits what clients can do without a token: create accounts and try pairing codes. */
@Injectable()
export class RateLimits {
  /** Null: not limited. */
  private readonly newAccounts: RateLimiterAbstract | null;
  private readonly codes: RateLimiterAbstract;
  private readonly allCodes: RateLimiterAbstract;

  constructor(
    private readonly limits: RateLimitsRepository,
    @Inject(CONFIG) { maxAccountsPerAddressPerHour }: Config,
  ) {
    this.newAccounts =
      maxAccountsPerAddressPerHour === 0
        ? null
        : limits.limiter({
            keyPrefix: 'accounts',
            points: maxAccountsPerAddressPerHour,
            duration: HOUR_SECONDS,
          });
    this.codes = limits.limiter({
      keyPrefix: 'codes',
      points: WRONG_CODES_PER_ADDRESS,
      duration: MINUTE_SECONDS,
    });
    this.allCodes = limits.limiter({
      keyPrefix: 'all_codes',
      points: WRONG_CODES_IN_TOTAL,
      duration: MINUTE_SECONDS,
    });
  }

  /** Counts an account that is about to be created. @throws AppError RATE_LIMITED */
  async countAccount(clientAddress: string): Promise<void> {
    if (!this.newAccounts) return;
    const detail = 'Too many accounts were made from this address.';
    await consume(this.newAccounts, networkOf(clientAddress), 1, detail);
  }

  /** Counts a pairing code that is about to be tried. @throws AppError RATE_LIMITED */
  async countCode(clientAddress: string): Promise<void> {
    const tooMany = 'Too many wrong pairing codes.';
    // Check the total first: otherwise each address that the total refuses would still leave a row of its own.
    await consume(this.allCodes, ALL_ADDRESSES, 0, tooMany);
    const detail = 'Too many wrong pairing codes from this address.';
    await consume(this.codes, networkOf(clientAddress), 1, detail);
    await consume(this.allCodes, ALL_ADDRESSES, 1, tooMany);
  }

  /** Takes back the count of a code that was right. */
  async rewardCode(clientAddress: string): Promise<void> {
    await Promise.all([this.codes.reward(networkOf(clientAddress)), this.allCodes.reward(ALL_ADDRESSES)]);
    // Concurrent right codes may have reached the limit before their counts were taken back.
    for (const limiter of [this.codes, this.allCodes]) this.limits.unblock(limiter);
  }

  /** Removes counts whose windows have ended; scheduled every five minutes. */
  @Interval(PRUNE_EVERY_MS)
  async prune(): Promise<void> {
    // Not NOW: the limiters use Date.now().
    await this.limits.removeEnded(Date.now(), HOUR_SECONDS * 1_000);
  }
}

async function consume(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
  detail: string,
): Promise<void> {
  try {
    await limiter.consume(key, points);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    // If another process's clock is ahead, the rest of the window can look longer than the whole window.
    const seconds = Math.min(Math.max(1, Math.ceil(error.msBeforeNext / 1_000)), limiter.duration);
    throw new AppError('RATE_LIMITED', { detail, retry_after: seconds });
  }
}
