import type { Host } from '../convergence/world.js';
import { createStorage, type DatabaseName, type Storage } from '../support/storage.js';
import type { Outcome } from './outcome.js';
import { play } from './world.js';

/** Every tenth run is on PostgreSQL: the client decides the light, the database only changes the timing. */
export const databaseOf = (seed: number): DatabaseName => (seed % 10 === 0 ? 'postgres' : 'sqlite');

/** How to play many runs. */
export interface PlayAllOptions {
  seeds: readonly number[];
  /** How many runs are played at once; they mostly wait. */
  parallel: number;
  hostOf(database: DatabaseName, storage: Storage): Host | Promise<Host>;
  /** See RunOptions. */
  isRolledBack?: boolean;
  /** Default: `databaseOf`. */
  database?: DatabaseName;
  /** See RunOptions. */
  recoveryMs?: number;
}

/**
 * Plays runs, several at once, each on a server and an account of its own.
 * @returns for each seed the promise of its outcome
 */
export function playAll({
  seeds,
  parallel,
  hostOf,
  recoveryMs,
  isRolledBack,
  database: only,
}: PlayAllOptions): Map<number, Promise<Outcome>> {
  const waiting: (() => void)[] = [];
  let free = parallel;
  const turn = (): Promise<void> => {
    if (free-- > 0) return Promise.resolve();
    return new Promise((resolve) => waiting.push(resolve));
  };
  const next = (): void => {
    free += 1;
    waiting.shift()?.();
  };
  const playOne = async (seed: number): Promise<Outcome> => {
    await turn();
    const database = only ?? databaseOf(seed);
    try {
      const storage = await createStorage(database);
      try {
        const host = (on: Storage): Host | Promise<Host> => hostOf(database, on);
        return await play({ seed, hostOf: host, storage, recoveryMs, isRolledBack });
      } finally {
        await storage.dispose();
      }
    } catch (cause) {
      throw new Error(`Seed ${seed} could not be played to its end: ${String(cause)}`, { cause });
    } finally {
      next();
    }
  };
  return new Map(
    seeds.map((seed) => {
      const outcome = playOne(seed);
      outcome.catch(() => undefined); // the caller that awaits the outcome gets the error
      return [seed, outcome];
    }),
  );
}
