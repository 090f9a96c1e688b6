import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { sqliteFile } from '../../src/foundation/database/open.js';

/** Locks to take and release repeatedly, each by its own worker. */
export interface LockJob {
  accountId: string;
  videoIds: string[];
  seconds: number;
}

const TAKE = `UPDATE document_locks SET lock_type = 'client', session_id = 'raw', user_id = 'raw', device_id = 'raw',
  holder_name = 'raw', fencing_token = fencing_token + 1, acquired_at = 1, expires_at = 2
  WHERE account_id = $1 AND video_id = $2 AND kind = 'layout'`;
const FREE = `UPDATE document_locks SET lock_type = NULL, session_id = NULL, user_id = NULL, device_id = NULL,
  holder_name = NULL, acquired_at = NULL, expires_at = NULL WHERE account_id = $1 AND video_id = $2 AND kind = 'layout'`;

/** Takes and releases locks, each by one update in its own transaction. @returns pairs per second */
export function lockPairs(
  { DATABASE_URL, DATA_DIR }: NodeJS.ProcessEnv,
  job: LockJob,
): Promise<number> | number {
  return DATABASE_URL ? onPostgres(DATABASE_URL, job) : onSqlite(sqliteFile(DATA_DIR!), job);
}

function onSqlite(file: string, { accountId, videoIds, seconds }: LockJob): number {
  const database = new BetterSqlite(file, { timeout: 5_000 });
  try {
    database.pragma('synchronous = FULL');
    const statements = [TAKE, FREE].map((sql) =>
      database.prepare(sql.replaceAll('$1', '?').replaceAll('$2', '?')),
    );
    const begun = performance.now();
    let pairs = 0;
    for (; performance.now() - begun < seconds * 1_000; pairs += 1) {
      for (const statement of statements) statement.run(accountId, videoIds[pairs % videoIds.length]);
    }
    return (pairs / (performance.now() - begun)) * 1_000;
  } finally {
    database.close();
  }
}

async function onPostgres(url: string, { accountId, videoIds, seconds }: LockJob): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: videoIds.length });
  try {
    const begun = performance.now();
    let pairs = 0;
    const work = async (videoId: string): Promise<void> => {
      const client = await pool.connect();
      for (; performance.now() - begun < seconds * 1_000; pairs += 1) {
        for (const [name, text] of [
          ['take', TAKE],
          ['free', FREE],
        ] as const) {
          await client.query({ name, text, values: [accountId, videoId] });
        }
      }
      client.release();
    };
    await Promise.all(videoIds.map(work));
    return (pairs / (performance.now() - begun)) * 1_000;
  } finally {
    await pool.end();
  }
}
