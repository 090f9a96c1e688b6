import { Inject, Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { KeyedMutex } from '../foundation/flow/keyed-mutex.js';
import { RateLimitsRepository } from './rate-limits.repository.js';

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3_600;
const WRONG_CODES_PER_NETWORK = 10;
const WRONG_CODES_IN_TOTAL = 200;
const ALL_NETWORKS = '*';
/** As long as a pairing code works: whoever guesses goes on guessing those that were made before. */
const ALERT_SECONDS = 600;
const PRUNE_EVERY_MS = 5 * 60_000;

/** How many wrong pairing codes are coming in, from all networks. */
export interface PairingAlert {
  /** Above the limit for all networks: new pairing codes are longer. */
  isRaised: boolean;
  /** In the present minute; while the alert lasts, since it was raised. */
  wrongCodes: number;
}

/** Limits what clients can do without a token: create accounts and try pairing codes. */
@Injectable()
export class RateLimits {
  private readonly logger = new Logger('RateLimits');
  /** Null: not limited. */
  private readonly newAccounts: RateLimiterAbstract | null;
  private readonly wrongCodes: RateLimiterAbstract;
  private readonly allWrongCodes: RateLimiterAbstract;
  private readonly oneByOne = new KeyedMutex();

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
    this.wrongCodes = limits.limiter({
      keyPrefix: 'codes',
      points: WRONG_CODES_PER_NETWORK,
      duration: MINUTE_SECONDS,
    });
    this.allWrongCodes = limits.limiter({
      keyPrefix: 'all_codes',
      points: WRONG_CODES_IN_TOTAL,
      duration: MINUTE_SECONDS,
    });
  }

  /** Counts an account that is about to be created. @throws AppError RATE_LIMITED */
  async countAccount(network: string): Promise<void> {
    if (!this.newAccounts) return;
    try {
      await this.newAccounts.consume(network);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw rateLimited('Too many accounts were made from this address.', error, HOUR_SECONDS);
    }
  }

  /**
   * Tries a pairing code, unless its network has sent too many wrong ones. Wrong codes from other networks refuse nobody.
   * @param join throws PAIRING_CODE_INVALID when the code is wrong
   * @throws AppError RATE_LIMITED
   */
  tryCode<T>(network: string, join: () => Promise<T>): Promise<T> {
    // One after another: otherwise many wrong codes sent at once would all pass the limit.
    return this.oneByOne.run(network, async () => {
      const counted = await find(this.wrongCodes, network);
      if (counted !== null && counted.consumedPoints >= WRONG_CODES_PER_NETWORK)
        throw rateLimited('Too many wrong pairing codes from this address.', counted, MINUTE_SECONDS);
      try {
        return await join();
      } catch (error) {
        if (error instanceof AppError && error.code === 'PAIRING_CODE_INVALID')
          await this.countWrongCode(network);
        throw error;
      }
    });
  }

  /** Whether so many wrong codes come in that new ones must be longer. */
  async pairingAlert(): Promise<PairingAlert> {
    const wrongCodes = (await find(this.allWrongCodes, ALL_NETWORKS))?.consumedPoints ?? 0;
    return { isRaised: wrongCodes > WRONG_CODES_IN_TOTAL, wrongCodes };
  }

  /** Removes counts whose windows have ended; scheduled every five minutes. */
  @Interval(PRUNE_EVERY_MS)
  async prune(): Promise<void> {
    // Not NOW: the limiters use Date.now().
    await this.limits.removeEnded(Date.now(), HOUR_SECONDS * 1_000);
  }

  private async countWrongCode(network: string): Promise<void> {
    await this.wrongCodes.penalty(network);
    const { consumedPoints } = await this.allWrongCodes.penalty(ALL_NETWORKS);
    if (consumedPoints !== WRONG_CODES_IN_TOTAL + 1) return;
    await this.allWrongCodes.block(ALL_NETWORKS, ALERT_SECONDS);
    this.logger.warn(
      `More than ${WRONG_CODES_IN_TOTAL} wrong pairing codes within a minute: somebody may be guessing. ` +
        `For ${ALERT_SECONDS / 60} minutes, new codes are longer.`,
    );
  }
}

/** What was counted in the present window; null: nothing. In memory, a count can stay a little longer than its window. */
async function find(limiter: RateLimiterAbstract, key: string): Promise<RateLimiterRes | null> {
  const counted = await limiter.get(key);
  return counted !== null && counted.msBeforeNext > 0 ? counted : null;
}

function rateLimited(detail: string, { msBeforeNext }: RateLimiterRes, windowSeconds: number): AppError {
  // If another process's clock is ahead, the rest of the window can look longer than the whole window.
  const seconds = Math.min(Math.max(1, Math.ceil(msBeforeNext / 1_000)), windowSeconds);
  return new AppError('RATE_LIMITED', { detail, retry_after: seconds });
}
