import { setTimeout } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import { AppStartError } from '../errors/app-start-error.js';

/** The advisory lock of migrations: an arbitrary number that other programs are unlikely to use. */
export const MIGRATION_LOCK = 7_210_331;

/** A migration of many rows, or a restore, may take long; whoever supervises the server starts it again. */
const WAIT_MS = 15 * 60_000;
const ASK_EVERY_MS = 250;

/**
 * Takes the lock that one session at a time holds while it migrates or restores the database; the end of the session
 * gives it back.
 * @param tell called once, with a sentence, when another session holds the lock
 * @throws AppStartError when the other session keeps it for 15 minutes
 */
export async function takeMigrationLock(
  session: ClientBase,
  tell: (sentence: string) => void,
): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  // Asked again and again: a statement that waits in PostgreSQL would hold a snapshot, on which others may wait in turn.
  for (let hasTold = false; !(await tryToTake(session)); hasTold = true, await setTimeout(ASK_EVERY_MS)) {
    const holder = `Another session${await nameHolder(session)} is migrating or restoring this database`;
    if (!hasTold) tell(`${holder}; waiting for its end.`);
    if (performance.now() > deadline)
      throw new AppStartError(`${holder} and does not end; look at it first.`);
  }
}

async function tryToTake(session: ClientBase): Promise<boolean> {
  const { rows } = await session.query<{ isTaken: boolean }>('SELECT pg_try_advisory_lock($1) AS "isTaken"', [
    MIGRATION_LOCK,
  ]);
  return rows[0]!.isTaken;
}

/** Such as ` (process 123, "tidemark restore")`; empty if it has just ended. */
async function nameHolder(session: ClientBase): Promise<string> {
  const { rows } = await session.query<{ pid: number; name: string | null }>(
    `SELECT l.pid, a.application_name AS name FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = $1 AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [MIGRATION_LOCK],
  );
  const [holder] = rows;
  return holder ? ` (process ${holder.pid}${holder.name ? `, "${holder.name}"` : ''})` : '';
}
