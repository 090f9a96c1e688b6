import pg from 'pg';
import { postgresOptions } from '../config/postgres-url.js';
import { AppStartError } from '../errors/app-start-error.js';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects one client, for a command.
 * @param name by which PostgreSQL's list of sessions shows it
 * @throws AppStartError when PostgreSQL cannot be reached
 */
export async function connectPostgres(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...postgresOptions(url),
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined); // the running statement, or the next one, fails and reports it
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw unreachable(url, error);
  }
}

/** The sentence for a PostgreSQL that cannot be reached. */
export function unreachable(url: string, error: unknown): AppStartError {
  return new AppStartError(`Cannot reach ${describePostgres(url)}: ${reasonOf(error)}.`, { cause: error });
}

/** Names a database by parts that are not secret; the URL itself is never printed. */
export function describePostgres(url: string): string {
  const { host, port, database, user } = new pg.Client(postgresOptions(url));
  const place = host.startsWith('/') ? `the socket in ${host}` : `${host}, port ${port}`;
  return `PostgreSQL at ${place} (database "${database}", user "${user}")`;
}

/** What went wrong, in one line without a full stop. */
export function reasonOf(error: unknown): string {
  // A name with several addresses fails with one error for each, and no message of its own.
  const first = error instanceof AggregateError && error.message === '' ? error.errors[0] : error;
  const text = first instanceof Error ? first.message : String(first);
  return text.split('\n', 1)[0]!.replace(/\.$/, '');
}
