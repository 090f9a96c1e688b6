import pg from 'pg';

/**
 * Runs a statement about a database of PostgreSQL from another database, as the one itself may refuse connections then.
 * @param databaseUrl of the database
 * @param statement made from the database's name
 */
export async function administrate(databaseUrl: string, statement: (name: string) => string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(statement(name));
  } finally {
    await client.end();
  }
}

/** The statement that ends all connections to a database. */
export const endConnections = (name: string): string =>
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`;
