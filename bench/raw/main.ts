import { sqliteFile } from '../../src/foundation/database/open.js';
import { answerCalls } from '../lab/remote.js';
import { makeGames } from '../rows.js';
import { RawPostgres } from './postgres.js';
import { lockPairs, type LockJob } from './lock-pairs.js';
import type { RawDatabase } from './raw-database.js';
import type { ReplayJob } from './replay.js';
import { RawSqlite } from './sqlite.js';
import { columnsByTable } from './statements.js';
import { uploadByHand, type UploadJob } from './upload-by-hand.js';

// The raw limits: the same data, SQL and durability as Tidemark's, and nothing else. Runs as its own process.

const { DATABASE_URL, DATA_DIR } = process.env;
const raw: RawDatabase = DATABASE_URL
  ? await RawPostgres.connect(DATABASE_URL)
  : new RawSqlite(sqliteFile(DATA_DIR!));

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}

const calls = {
  seed: ({ accountId, games }: { accountId: string; games: number }) => raw.seed(accountId, games),
  /** Reads the rows of a first pull as JSON. */
  read: async (accountId: string) => {
    const { ms, result } = await timed(() => raw.readJson(accountId));
    return { ms, bytes: result.reduce((sum, rows) => sum + Buffer.byteLength(rows), 0) };
  },
  /** The same rows in the form of an answer's changes, for a comparison with one. */
  readChanges: async (accountId: string) => {
    const rows = await raw.readJson(accountId);
    const tables = Object.keys(columnsByTable).map(
      (table, index) => `"${table}":{"created":[],"updated":${rows[index]!.toString()},"deleted":[]}`,
    );
    return `{${tables.join()}}`;
  },
  insert: async ({ accountId, games, run }: { accountId: string; games: number; run: string }) => {
    const rows = makeGames(games, run);
    // In the order of the primary key, which is fastest.
    for (const list of Object.values(rows)) list.sort((a, b) => (a.id < b.id ? -1 : 1));
    const insert = await raw.prepareInsert(accountId, Date.now(), rows);
    return (await timed(insert)).ms;
  },
  replay: (job: ReplayJob) => raw.replay(job),
  lockPairs: (job: LockJob) => lockPairs(process.env, job),
  uploadByHand: (job: UploadJob) => uploadByHand(DATA_DIR!, job),
};
/** The functions of the raw process. */
export type RawCalls = typeof calls;

answerCalls(calls);
