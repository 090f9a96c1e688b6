import pg from 'pg';
import { freshIds } from '../load/placeholder.js';
import type { RowsByTable } from '../rows.js';
import type { Recording, Statement } from '../server/recorder.js';
import type { RawDatabase } from './raw-database.js';
import { parametersOf, Substitution, type ReplayJob } from './replay.js';
import { columnsByTable, insertColumns, jsonStatement, seedStatements } from './statements.js';
import { schema } from '../../src/protocol/tables.js';

/** The work of pg alone in Tidemark's database. */
export class RawPostgres implements RawDatabase {
  private constructor(
    private readonly url: string,
    private readonly client: pg.Client,
  ) {}

  static async connect(url: string): Promise<RawPostgres> {
    const raw = new RawPostgres(url, await connect(url));
    // Compiling these queries takes longer than it saves; without it the raw limit is faster.
    await raw.client.query('SET jit = off');
    return raw;
  }

  async seed(accountId: string, games: number): Promise<{ rows: number; clock: number }> {
    const { client } = this;
    const found = await client.query<{ clock: string }>('SELECT clock FROM accounts WHERE id = $1', [
      accountId,
    ]);
    const clock = Number(found.rows[0]!.clock) + 1;
    let count = 0;
    for (const { sql, rows } of seedStatements('postgres', games)) {
      await client.query(sql, [accountId, clock]);
      count += rows;
    }
    const update = 'UPDATE accounts SET clock = $1, row_count = row_count + $2 WHERE id = $3';
    await client.query(update, [clock, count, accountId]);
    // Autovacuum would do this a minute later, in the middle of a measurement.
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
    return { rows: count, clock };
  }

  async readJson(accountId: string): Promise<string[]> {
    const texts: string[] = [];
    for (const table of Object.keys(columnsByTable)) {
      const sql = jsonStatement('postgres', table);
      const { rows } = await this.client.query<{ rows: string }>({
        name: `json_${table}`,
        text: sql,
        values: [accountId],
      });
      texts.push(rows[0]!.rows);
    }
    return texts;
  }

  async prepareInsert(accountId: string, stamp: number, rows: RowsByTable): Promise<() => Promise<void>> {
    const inserts = Object.entries(rows).map(([table, list]) => {
      const columns = columnsByTable[table]!;
      const types = columns.map(
        (column) => schema.tables[table]!.columns[column]?.sqlType.postgres ?? 'text',
      );
      const arrays = types.map((type, index) => `$${index + 3}::${type}[]`).join(', ');
      return {
        name: `insert_${table}`,
        text: `INSERT INTO "${table}" (${insertColumns(table)}) SELECT $1, $2, false, r.* FROM unnest(${arrays}) AS r`,
        values: [accountId, stamp, ...columns.map((column) => arrayLiteral(list.map((row) => row[column]!)))],
      };
    });
    return async () => {
      await this.client.query('BEGIN');
      for (const insert of inserts) await this.client.query(insert);
      await this.client.query('COMMIT');
    };
  }

  /** Replays for all identities at once, each on its own connection. */
  async replay({ recording, recorded, identities, seconds, run }: ReplayJob): Promise<number> {
    const nextId = freshIds(run);
    const clients = await Promise.all(identities.map(() => connect(this.url)));
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1_000;
    const counts = await Promise.all(
      clients.map(async (client, index) => {
        const substitution = new Substitution(recorded, identities[index]!);
        let count = 0;
        for (; performance.now() < endsAt; count++) await sendAll(client, recording, substitution, nextId());
        return count;
      }),
    );
    const elapsedMs = performance.now() - startedAt;
    await Promise.all(clients.map((client) => client.end()));
    return (counts.reduce((sum, count) => sum + count, 0) / elapsedMs) * 1_000;
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function sendAll(
  client: pg.Client,
  recording: Recording,
  to: Substitution,
  freshId: string,
): Promise<void> {
  await sendEach(client, 'before', recording.before, to, freshId);
  await client.query({ name: 'begin', text: 'BEGIN' });
  await sendEach(client, 'inside', recording.inTransaction, to, freshId);
  await client.query({ name: 'commit', text: 'COMMIT' });
}

async function sendEach(
  client: pg.Client,
  part: string,
  statements: Statement[],
  to: Substitution,
  freshId: string,
): Promise<void> {
  for (const [index, statement] of statements.entries()) {
    for (const params of parametersOf(statement)) {
      await client.query({
        name: `${part}_${index}`,
        text: statement.sql,
        values: to.values(params, freshId),
      });
    }
  }
}

function arrayLiteral(values: (string | number | null)[]): string {
  const items = values.map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value)));
  return `{${items.join()}}`;
}
