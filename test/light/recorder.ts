import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { sqliteFile } from '../../src/foundation/database/open.js';
import type { ColumnValue } from '../../src/protocol/columns.js';
import { schema } from '../../src/protocol/tables.js';
import type { Storage } from '../support/storage.js';
import { History, type LoggedWrite } from './history.js';

interface LogRow {
  name: string;
  id: string;
  stamp: string | number;
  /** JSON of the row's columns; null: deleted. */
  row: string | null;
}

const READ = 'SELECT name, id, stamp, "row" FROM light_log WHERE account_id = $1 ORDER BY seq';

const POSTGRES_SET_UP = `
  CREATE TABLE light_log (seq bigserial PRIMARY KEY, account_id text, name text, id text, stamp bigint, "row" text);
  CREATE FUNCTION light_log_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO light_log (account_id, name, id, stamp, "row") VALUES (NEW.account_id, TG_TABLE_NAME, NEW.id,
      NEW.last_modified, CASE WHEN NEW.is_deleted THEN NULL ELSE row_to_json(NEW)::text END);
    RETURN NULL;
  END $$;`;

/**
 * Lets the database log every row that is written, in the same transaction: no write is missed, however soon the next
 * one follows, and the log does not rely on the server.
 */
export async function recordHistory(storage: Storage): Promise<void> {
  const { DATA_DIR, DATABASE_URL } = storage.env;
  const tables = Object.keys(schema.tables);
  if (DATABASE_URL) {
    const triggers = tables.map(
      (name) =>
        `CREATE TRIGGER light_log AFTER INSERT OR UPDATE ON ${name} FOR EACH ROW EXECUTE FUNCTION light_log_row();`,
    );
    await onPostgres(DATABASE_URL, (client) => client.query(POSTGRES_SET_UP + triggers.join('')));
    return;
  }
  const database = new BetterSqlite(sqliteFile(DATA_DIR!));
  database.exec(
    'CREATE TABLE light_log (seq INTEGER PRIMARY KEY, account_id TEXT, name TEXT, id TEXT, stamp INTEGER, "row" TEXT)',
  );
  for (const name of tables) {
    const members = Object.keys(schema.tables[name]!.columns).map((column) => `'${column}', NEW."${column}"`);
    for (const event of ['INSERT', 'UPDATE']) {
      database.exec(`CREATE TRIGGER light_log_${name}_${event} AFTER ${event} ON ${name} BEGIN
        INSERT INTO light_log (account_id, name, id, stamp, "row") VALUES (NEW.account_id, '${name}', NEW.id,
          NEW.last_modified, CASE WHEN NEW.is_deleted THEN NULL ELSE json_object(${members.join(', ')}) END);
        END`);
    }
  }
  database.close();
}

/** The recorded history of an account so far. */
export async function readHistory(storage: Storage, accountId: string): Promise<History> {
  const { DATA_DIR, DATABASE_URL } = storage.env;
  let rows: LogRow[];
  if (DATABASE_URL) {
    rows = (await onPostgres(DATABASE_URL, (client) => client.query<LogRow>(READ, [accountId]))).rows;
  } else {
    const database = new BetterSqlite(sqliteFile(DATA_DIR!), { readonly: true });
    rows = database.prepare<unknown[], LogRow>(READ.replace('$1', '?')).all(accountId);
    database.close();
  }
  return new History(rows.map(toWrite));
}

function toWrite({ name, id, stamp, row }: LogRow): LoggedWrite {
  const values = row === null ? null : valuesOf(name, JSON.parse(row) as Record<string, unknown>);
  return { stamp: Number(stamp), key: `${name}/${id}`, values };
}

/** A row's values in the types and the order of the declaration. */
export function valuesOf(table: string, row: Readonly<Record<string, unknown>>): ColumnValue[] {
  return Object.entries(schema.tables[table]!.columns).map(([name, column]) => {
    const value = row[name];
    // SQLite stores booleans as numbers; all other types are kept.
    return column.type === 'boolean' ? Boolean(value) : ((value ?? null) as ColumnValue);
  });
}

async function onPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
