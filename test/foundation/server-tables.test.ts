import { createHash } from 'node:crypto';
import { loadConfig } from '../../src/foundation/config/config.js';
import type { Database } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import {
  createServerTable,
  tablesOn,
  type ServerTables,
} from '../../src/foundation/database/server-tables.js';
import { text, type Dialect } from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, startApp, type DatabaseName } from '../support/app.js';
import { createStorage } from '../support/storage.js';

/** Queries for everything that a database contains. */
const catalog: Record<Dialect, string[]> = {
  sqlite: [
    `SELECT m.name AS "table", c.name, c.type, c."notnull", c.dflt_value, c.pk
     FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2`,
    `SELECT i.tbl_name, i.name, l."unique", i.sql FROM sqlite_schema i, pragma_index_list(i.tbl_name) l
     WHERE i.type = 'index' AND l.name = i.name AND i.sql IS NOT NULL ORDER BY 1, 2`,
  ],
  postgres: [
    `SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
     FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2`,
    `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1`,
  ],
};

/** Everything that the migrations make in an empty database. */
async function madeBy(name: DatabaseName, server: ServerTables): Promise<object[]> {
  const storage = await createStorage(name);
  let database: Database | undefined;
  try {
    database = await openDatabase(loadConfig({ argv: [], env: storage.env }), schema, server);
    const rows: object[] = [];
    for (const sql of catalog[database.dialect]) rows.push(...(await database.query<object>(sql)));
    return rows.map((row) => JSON.parse(JSON.stringify(row).replace(/(\\n|\s)+/g, ' ')) as object);
  } finally {
    await database?.close();
    await storage.dispose();
  }
}

forEachDatabase((database) => {
  test('the migrations, step by step, make the tables exactly as they are declared', async () => {
    const declared: ServerTables = {
      tables: serverTables.tables,
      migrations: [
        {
          name: 'Declared1790000000000',
          creates: serverTables.tables.map(({ name }) => name),
          statements: (dialect) =>
            tablesOn(dialect, serverTables).flatMap((table) => createServerTable(dialect, table)),
        },
      ],
    };
    const migrated = await madeBy(database, serverTables);
    expect(migrated.length).toBeGreaterThan(60);
    expect(migrated).toEqual(await madeBy(database, declared));
  });

  test.each(['accounts', 'documents', 'document_journal', 'shares_by_token', 'migrations'])(
    'a record table called %s is refused at start, by name',
    async (name) => {
      const tables = { [name]: { since: 1, columns: { title: text() } } };
      await expect(startApp(database, { schema: declareSchema(tables) })).rejects.toMatchObject({
        name: 'AppStartError',
        message: `No record table can be called ${name}: the server itself has that name in its database. Declare it under another name.`,
      });
    },
  );
});

/** Released migrations must not change: hashes of their texts, for SQLite and for PostgreSQL. */
const released = {
  Accounts1790000000000: ['c16bf851693bf255', 'aa21636445bf698f'],
  Shares1790001000000: ['2b7bfc0d1e58be37', 'ac9a0c532f717602'],
  Documents1790002000000: ['f990dbf95f7c4f3d', '64efa7af4a8e1e31'],
  VersionStates1790003000000: ['1c1dda2301685e3a', 'a41cc6e3cc209bc0'],
  RateLimits1790004000000: ['4f53cda18c2baa0c', 'ec90f890fa2a6993'],
  RecordTables1790005000000: ['9d3308d5f54030a4', '9d3308d5f54030a4'],
  Checkpoints1790006000000: ['8f429b9022bfe847', '76ce427264682d0e'],
  TombstoneCounts1790007000000: ['e1580b2c04cc43ca', 'e69a6e8222ec616e'],
  DocumentMarks1790021000000: ['3c6eaa80bace62fb', '3c6eaa80bace62fb'],
  VersionMarks1790021000001: ['65e0e9f2be841a16', '65e0e9f2be841a16'],
  PairingCodeMakers1790009000000: ['5de332ca4b1e49cf', 'c7251b9979292aee'],
  LiveDocuments1790030000000: ['41c63284dac54cd0', 'd88916edcb60e739'],
};

test('released migrations stay the texts that they were', () => {
  const hashOf = (statements: string[]) => {
    const text = JSON.stringify(statements.map((statement) => statement.replace(/\s+/g, ' ')));
    return createHash('sha256').update(text).digest('hex').slice(0, 16);
  };
  const found = serverTables.migrations.map(({ name, statements }): [string, string[]] => [
    name,
    [hashOf(statements('sqlite')), hashOf(statements('postgres'))],
  ]);
  expect(Object.fromEntries(found)).toEqual(released);
});
