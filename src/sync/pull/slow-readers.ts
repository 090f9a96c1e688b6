import { Injectable } from '@nestjs/common';
import { Database } from '../../foundation/database/database.js';
import { KeyedSemaphore, Semaphore } from '../../foundation/flow/semaphore.js';
import { slowestOf, type Holder } from '../../foundation/flow/slowest.js';

const WAIT_MS = 1_000;

/** A long answer that is being sent. */
export interface LongAnswer {
  /** Counts what the client has taken. */
  note(characters: number): void;
  /** Gives the place back; a second call does nothing. */
  end(): void;
}

interface Reader extends Holder {
  accountId: string;
  cut(): void;
  /** Its place will be free, for the newcomer that cut it. */
  isCut: boolean;
}

/**
 * Limits the long answers that are sent at once, each of which holds a snapshot for as long as its client reads. When
 * all places are taken, the slowest reader goes, not the newcomer. Some snapshots are left for answers that are short.
 */
@Injectable()
export class SlowReaders {
  private readonly readers = new Set<Reader>();
  private readonly places: Semaphore;
  private readonly perAccount: KeyedSemaphore;
  private readonly limits: { all: number; account: number };

  constructor(database: Database) {
    const { maxSnapshots } = database;
    this.limits = {
      all: maxSnapshots - Math.floor(maxSnapshots / 8),
      account: Math.max(2, Math.floor(maxSnapshots / 4)),
    };
    this.places = new Semaphore(this.limits.all, WAIT_MS);
    this.perAccount = new KeyedSemaphore(this.limits.account, WAIT_MS);
  }

  /** Whether `begin` would take a place at once. */
  hasPlace(accountId: string): boolean {
    return this.readers.size < this.limits.all && this.ofAccount(accountId).length < this.limits.account;
  }

  /**
   * Takes a place for a long answer, waiting for it a little.
   * @param cut disconnects the client, which ends its answer
   * @throws AppError OVERLOADED when all readers are new
   */
  async begin(accountId: string, cut: () => void): Promise<LongAnswer> {
    const own = this.ofAccount(accountId);
    if (own.length >= this.limits.account) cutSlowest(own);
    else if (this.readers.size >= this.limits.all) cutSlowest([...this.readers]);
    const releaseOwn = await this.perAccount.acquire(accountId);
    try {
      await this.places.acquire();
    } catch (error) {
      releaseOwn();
      throw error;
    }
    const reader: Reader = { accountId, since: performance.now(), moved: 0, cut, isCut: false };
    this.readers.add(reader);
    return {
      note: (characters) => void (reader.moved += characters),
      end: () => {
        if (!this.readers.delete(reader)) return;
        this.places.release();
        releaseOwn();
      },
    };
  }

  private ofAccount(accountId: string): Reader[] {
    return [...this.readers].filter((reader) => reader.accountId === accountId);
  }
}

function cutSlowest(readers: Reader[]): void {
  const slowest = slowestOf(readers.filter(({ isCut }) => !isCut));
  if (!slowest) return;
  slowest.isCut = true;
  slowest.cut();
}
