import type BetterSqlite from 'better-sqlite3';

const CLOCKS = `SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, -13) = '__crsql_clock'`;
const IS_MERGING = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'crsql_master'`;

/**
 * The version of a database that merges changes, as its engine counts it; null: the database is a plain one.
 * @param database opened by SQLite itself, so no engine may have it open
 */
export function mergingVersion(database: BetterSqlite.Database): number | null {
  if (!database.prepare(IS_MERGING).get()) return null;
  const clocks = database.prepare(CLOCKS).pluck().all() as string[];
  const versions = [
    `SELECT max(cast(value AS integer)) AS version FROM crsql_master WHERE key = 'pre_compact_dbversion'`,
    ...clocks.map((name) => `SELECT max(db_version) FROM "${name.replaceAll('"', '""')}"`),
  ];
  const sql = `SELECT max(version) FROM (${versions.join(' UNION ALL ')})`;
  return (database.prepare(sql).pluck().get() as number | null) ?? 0;
}
