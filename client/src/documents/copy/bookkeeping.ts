import type { Connection } from './connection.js';

// What a copy notes of itself in the engine's own tables.

/** A version of the server's, with its mark (null: not known). */
export interface MarkedVersion {
  version: number;
  mark: string | null;
}

/** What a copy notes of the server, besides the numbers in `crsql_tracked_peers`. */
export interface Noted {
  epoch: number;
  serverSiteId: string;
  sinceMark: string | null;
  answered: MarkedVersion | null;
}

/** The key of `Noted`, in the engine's own table of keys and values. */
export const NOTED = 'tidemark_copy';
/** Events in `crsql_tracked_peers`. */
export const [RECEIVED, ACKNOWLEDGED] = [0, 1];
/** The tables that merge, by name. */
export async function mergingTables(db: Connection): Promise<string[]> {
  const sql = `SELECT substr(name, 1, length(name) - 13) AS name FROM sqlite_master
    WHERE type = 'table' AND name LIKE '%\\_\\_crsql\\_clock' ESCAPE '\\' ORDER BY name`;
  return (await db.all(sql)).map(({ name }) => String(name));
}

/** A table's clocks, quoted. */
export function clockOf(table: string): string {
  return `"${table.replaceAll('"', '""')}__crsql_clock"`;
}

/** Notes a version up to which a site's changes were received, or ours acknowledged. */
export async function track(db: Connection, site: Uint8Array, event: number, version: number): Promise<void> {
  const sql = `INSERT INTO crsql_tracked_peers (site_id, version, seq, tag, event) VALUES (?, ?, 0, 0, ?)
    ON CONFLICT DO UPDATE SET version = excluded.version`;
  await db.all(sql, [site, version, event]);
}

/** Writes what a copy notes. */
export async function note(db: Connection, noted: Noted): Promise<void> {
  await db.all('INSERT OR REPLACE INTO crsql_master (key, value) VALUES (?, ?)', [
    NOTED,
    JSON.stringify(noted),
  ]);
}

/** Closes a database as CR-SQLite wants it. */
export async function closeConnection(db: Connection): Promise<void> {
  await db.value('SELECT crsql_finalize()').catch(() => undefined);
  await db.close();
}
