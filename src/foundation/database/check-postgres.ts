import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { AppStartError } from '../errors/app-start-error.js';
import { connectPostgres, describePostgres } from './connect-postgres.js';

/** Poolers may choose among many sessions: so often another transaction runs between two statements of one session. */
const ROUNDS = 5;
const ANSWER_TIMEOUT_MS = 15_000;
/** PgBouncer refuses BEGIN with this code when it pools statements. */
const PROTOCOL_VIOLATION = '08P01';

/**
 * Checks that a database can hold every text, can be written, and keeps the sessions that migrations, announcements and
 * prepared statements need.
 * @throws AppStartError
 */
export async function checkPostgres(url: string, session: Client): Promise<void> {
  await checkSessions(url, session);
  const [state] = await ask<{ encoding: string; isReadOnly: boolean }>(
    session,
    `SELECT current_setting('server_encoding') AS encoding, current_setting('transaction_read_only') = 'on' AS "isReadOnly"`,
  );
  if (state!.encoding !== 'UTF8') {
    throw new AppStartError(
      `${describePostgres(url)} is encoded in ${state!.encoding}, which cannot hold every text: use a database made with ENCODING 'UTF8'.`,
    );
  }
  if (state!.isReadOnly) throw readOnly(url);
}

/** The sentence for a database that cannot be written. */
export function readOnly(url: string): AppStartError {
  return new AppStartError(
    `${describePostgres(url)} is read-only (a standby, or default_transaction_read_only is on): name one that can be written.`,
  );
}

/** Checks that a connection keeps its session, as it does without a pooler. */
async function checkSessions(url: string, session: Client): Promise<void> {
  const token = randomUUID();
  const [before] = await ask<{ pid: number }>(
    session,
    `SELECT pg_backend_pid() AS pid, set_config('tidemark.session', '${token}', false)`,
  );
  // A pooler tells its clients a process id of its own.
  if (before!.pid === (session as { processID?: number }).processID) return;
  const other = await connectPostgres(url, 'tidemark: check of sessions');
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await ask(other, 'BEGIN');
      // First: of a pooler with one session, the other connection would wait for this transaction.
      if ((await backendOf(other)).pid === before!.pid) throw pooled();
      const after = await backendOf(session);
      if (after.pid !== before!.pid || after.token !== token) throw pooled();
      await ask(other, 'COMMIT');
    }
  } catch (error) {
    if ((error as { code?: string }).code === PROTOCOL_VIOLATION) throw pooled();
    throw error;
  } finally {
    await other.end();
  }
}

async function backendOf(client: Client): Promise<{ pid: number; token: string | null }> {
  const [backend] = await ask<{ pid: number; token: string | null }>(
    client,
    `SELECT pg_backend_pid() AS pid, current_setting('tidemark.session', true) AS token`,
  );
  return backend!;
}

function pooled(): AppStartError {
  return new AppStartError(
    'Between this server and PostgreSQL is a pooler that gives each transaction another session, but sessions must last: ' +
      'set pool_mode=session in PgBouncer for this database, or connect to PostgreSQL directly.',
  );
}

async function ask<R extends object>(client: Client, text: string): Promise<R[]> {
  // `query_timeout` is missing in the driver's types.
  const statement: { text: string; query_timeout: number } = { text, query_timeout: ANSWER_TIMEOUT_MS };
  return (await client.query<R>(statement)).rows;
}
