import type { DocumentKind } from '../../kinds.js';
import { Connection } from './binder.js';
import { compileEngine, instantiateEngine } from './crsqlite-module.js';

const recorded = new Map<string, Promise<string[]>>();

/**
 * The statements that make a database with a kind's tables a merging one, in native SQL: CR-SQLite's tables, indexes and
 * triggers, a random identity, and 1 as the version. The rows that are there have no clocks, and rows that are inserted
 * afterwards need the engine, because of the triggers. Recorded from the engine, once a process and kind.
 */
export function kindTemplate(kind: DocumentKind): Promise<string[]> {
  let statements = recorded.get(kind.sql);
  if (statements === undefined) {
    statements = record(kind);
    recorded.set(kind.sql, statements);
  }
  return statements;
}

async function record(kind: DocumentKind): Promise<string[]> {
  const connection = new Connection(await instantiateEngine(compileEngine()), ':memory:');
  makeMerging(connection, kind);
  const objects = connection
    .statement(
      `SELECT sql FROM sqlite_schema
       WHERE (name LIKE 'crsql@_%' ESCAPE '@' OR name LIKE '%@_@_crsql@_%' ESCAPE '@') AND sql IS NOT NULL`,
    )
    .rows();
  const engineVersion = connection.value(`SELECT value FROM crsql_master WHERE key = 'crsqlite_version'`);
  const statements = [
    ...Array.from(objects, ([sql]) => sql as string),
    `INSERT INTO crsql_master (key, value) VALUES ('crsqlite_version', ${String(engineVersion)})`,
    // Without clocks there is no version to be read from them.
    `INSERT INTO crsql_master (key, value) VALUES ('pre_compact_dbversion', 1)`,
    `INSERT INTO crsql_site_id (site_id, ordinal) VALUES (randomblob(16), 0)`,
  ];
  connection.exec('SELECT crsql_finalize()');
  connection.close();
  return statements;
}

function makeMerging(connection: Connection, kind: DocumentKind): void {
  connection.exec('PRAGMA temp_store = memory');
  connection.exec(kind.sql);
  for (const { name } of kind.tables) connection.value('SELECT crsql_as_crr(?)', name);
}
