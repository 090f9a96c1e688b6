import { shareAwakeTime } from '../../support/awake-time.js';
import {
  contentOf,
  databaseBytes,
  forgedLayout,
  recordOf,
  sqlOf,
  withEndlessTable,
} from '../../support/databases.js';
import { Importing, LAYOUT, rootOf } from './importing.js';

/** An expression that takes a tenth of a second per row; there may be millions of rows. */
const slow = (column: string) => `(length(hex(zeroblob(100000000 + length(${column})))) > 0)`;
const ROWS = 400;
const PATIENCE_MS = 20_000;

const importing = new Importing();
const awake = shareAwakeTime();

afterAll(() => importing.close());

/** A layout with a few rows whose schema is then changed. */
const layoutWith = (...sql: string[]) =>
  databaseBytes('layout', (database) => {
    database.unsafeMode(true);
    database.exec(`INSERT INTO scenes (id) VALUES ('first'), ('other')`);
    database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
      INSERT INTO scenes (id) SELECT 'n' || i FROM n`);
    for (const statement of sql) database.exec(statement);
  });

const forged = (name: string, from: string, to: string) =>
  `PRAGMA writable_schema = ON;
   UPDATE sqlite_schema SET sql = replace(sql, '${from.replaceAll("'", "''")}', '${to.replaceAll("'", "''")}')
   WHERE name = '${name}';`;

function smallPages(...sql: string[]): Buffer {
  return databaseBytes(null, (database) => {
    database.pragma('page_size = 512');
    for (const statement of [sqlOf('layout'), ...sql]) database.exec(statement);
  });
}

describe('a database made to do harm', () => {
  test.each<[what: string, make: () => Buffer, detail: RegExp]>([
    [
      'a schema whose pages never end',
      () =>
        withEndlessTable(
          smallPages(),
          1,
          recordOf(['index', 'sqlite_autoindex_scenes_1', 'scenes', 3, null]),
        ),
      /schema of the database is damaged/,
    ],
    [
      'statistics whose pages never end',
      () => {
        const bytes = smallPages(`INSERT INTO scenes (id) VALUES ('a')`, 'ANALYZE');
        return withEndlessTable(bytes, rootOf(bytes, 'sqlite_stat1'), recordOf(['scenes', null, '1']));
      },
      /damaged/,
    ],
    [
      'a schema whose pages lead to far more pages than there are',
      () => withWideSchema(1_000),
      /schema of the database is damaged/,
    ],
    [
      'a table whose pages never end',
      () => {
        const bytes = smallPages();
        return withEndlessTable(bytes, rootOf(bytes, 'scenes'), recordOf(['a', 1, 1, 'x']));
      },
      /damaged/,
    ],
    [
      'tens of thousands of tables',
      () =>
        databaseBytes('layout', (database) => {
          database.unsafeMode(true);
          database.pragma('writable_schema = ON');
          database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
            INSERT INTO sqlite_schema SELECT 'table', 'crsql_' || i, 'crsql_' || i, 2, 'CREATE TABLE crsql_' || i || '(a)' FROM n`);
        }),
      /far too large/,
    ],
    [
      'a trigger of ten million statements',
      () =>
        forgedLayout(`INSERT INTO sqlite_schema VALUES ('trigger', 'crsql_t', 'scenes', 0,
          'CREATE TRIGGER crsql_t AFTER INSERT ON scenes BEGIN ' || replace(hex(zeroblob(5000000)), '0', 'SELECT 1;') || ' END')`),
      /far too large/,
    ],
    [
      'a trigger of hundreds of thousands of blanks',
      () =>
        forgedLayout(`INSERT INTO sqlite_schema VALUES ('trigger', 't', 'scenes', 0,
          'CREATE TRIGGER t AFTER INSERT ON scenes BEGIN SELECT 1; END /*' || replace(hex(zeroblob(70000)), '0', ' -') || '*/')`),
      /far too large/,
    ],
    [
      'defaults that make rows of nothing',
      () => {
        const large = `DEFAULT '${'x'.repeat(100_000)}'`;
        return layoutWith(
          'ALTER TABLE scenes DROP COLUMN background',
          `ALTER TABLE scenes ADD COLUMN background TEXT NOT NULL ${large}`,
        );
      },
      /defaults/,
    ],
    [
      'a generated column in a table that poses as CR-SQLite’s',
      () =>
        layoutWith(
          `CREATE TABLE crsql_x (a, b AS ${slow('a')} NOT NULL); PRAGMA ignore_check_constraints = ON`,
          forged('crsql_x', 'x', 'x'),
        ),
      /"crsql_x" has a generated column/,
    ],
    [
      'a view that poses as CR-SQLite’s',
      () => layoutWith('CREATE VIEW crsql_v AS SELECT 1'),
      /view "crsql_v"/,
    ],
    [
      'a virtual table that poses as CR-SQLite’s',
      () => layoutWith('CREATE VIRTUAL TABLE crsql_f USING fts5(a)'),
      /virtual table "crsql_f"/,
    ],
    [
      'a virtual table with a page',
      () =>
        forgedLayout(
          `INSERT INTO sqlite_schema VALUES ('table', 'crsql_f', 'crsql_f', 2, 'CREATE /**/ VIRTUAL TABLE crsql_f USING fts5(a)')`,
        ),
      /crsql_f/,
    ],
    [
      'a view in the place of a table',
      () =>
        forgedLayout(
          `UPDATE sqlite_schema SET sql = 'CREATE VIEW scenes AS SELECT 1 AS id' WHERE type = 'table' AND name = 'scenes'`,
        ),
      /damaged|scenes/,
    ],
    [
      'SQL that does something else',
      () => forgedLayout(`UPDATE sqlite_schema SET sql = 'DROP TABLE elements' WHERE name = 'scenes'`),
      /damaged/,
    ],
    [
      'an object of no known type',
      () => forgedLayout(`INSERT INTO sqlite_schema VALUES ('odd', 'crsql_o', 'scenes', 0, NULL)`),
      /damaged|crsql_o/,
    ],
    [
      'names of a table with quotes',
      () => layoutWith(`CREATE TABLE "a""; DROP TABLE scenes; --" (a)`),
      /does not belong/,
    ],
    [
      'a key that may be NULL',
      () => layoutWith(forged('elements', 'KEY NOT NULL', 'KEY'), forged('elements', ') STRICT', ')')),
      /"id"/,
    ],
  ])('%s is refused soon', async (_what, make, detail) => {
    const bytes = make();
    const startedAt = awake();
    expect(await importing.import(bytes)).toMatch(detail);
    expect(awake() - startedAt).toBeLessThan(PATIENCE_MS);
    expect(await importing.import(layoutWith())).toBeNull();
  });

  test.each<[what: string, make: () => Buffer]>([
    [
      'a check',
      () =>
        layoutWith(
          forged(
            'scenes',
            `background TEXT NOT NULL DEFAULT ''`,
            `background TEXT NOT NULL DEFAULT '' CHECK ${slow('id')}`,
          ),
        ),
    ],
    [
      'an index of expressions',
      () => layoutWith('CREATE INDEX i ON scenes (id)', forged('i', '(id)', `(${slow('id')})`)),
    ],
    [
      'an index of some rows',
      () => layoutWith('CREATE INDEX i ON scenes (id)', forged('i', '(id)', `(id) WHERE ${slow('id')}`)),
    ],
    [
      'a trigger of CR-SQLite',
      () =>
        layoutWith(
          `CREATE TRIGGER scenes__crsql_itrig AFTER INSERT ON scenes BEGIN SELECT ${slow('NEW.id')}; END`,
        ),
    ],
    [
      'a second statement in the schema',
      () =>
        layoutWith(`PRAGMA writable_schema = ON;
          UPDATE sqlite_schema SET sql = sql || '; DROP TABLE elements' WHERE name = 'scenes'`),
    ],
  ])('what %s would do is not done', async (_what, make) => {
    const bytes = make();
    const startedAt = awake();
    expect(await importing.import(bytes)).toBeNull();
    expect(awake() - startedAt).toBeLessThan(PATIENCE_MS);
    const content = contentOf(importing.target, LAYOUT);
    expect(await importing.import(layoutWith())).toBeNull();
    expect(contentOf(importing.target, LAYOUT)).toEqual(content);
  });

  test('rows without a key, or with the same one, are refused', async () => {
    const two = databaseBytes('layout', (database) =>
      database.exec(`INSERT INTO scenes (id) VALUES ('first'), ('other')`),
    );
    expect(await importing.import(replaced(two, 'other', 'first'))).toMatch(
      /row of scenes .*UNIQUE.*scenes\.id/,
    );
    const withoutKey = databaseBytes(null, (database) => {
      database.unsafeMode(true);
      database.exec(
        sqlOf('layout').replace(/(TABLE scenes \(\s+id TEXT PRIMARY KEY) NOT NULL([^;]*)STRICT;/, '$1$2;'),
      );
      database.exec('INSERT INTO scenes (id) VALUES (NULL)');
      database.exec(forged('scenes', 'PRIMARY KEY', 'PRIMARY KEY NOT NULL'));
    });
    expect(await importing.import(withoutKey)).toMatch(/NULL value in scenes\.id/);
  });
});

/** A schema of so many large pages; each points to the next, and tens of thousands of times to the first two. */
function withWideSchema(count: number): Buffer {
  const pageBytes = 65_536;
  const [seconds, next] = [pageBytes - 8, pageBytes - 4];
  const cells = 32_700;
  const page = Buffer.alloc(pageBytes);
  page.writeUInt8(5, 0);
  page.writeUInt16BE(cells, 3);
  page.writeUInt32BE(1, 8);
  for (let index = 0; index < cells; index++) page.writeUInt16BE(seconds, 12 + 2 * index);
  page.writeUInt16BE(next, 12 + 2 * (cells - 1));
  page.writeUInt32BE(2, seconds);
  const pages = Array.from({ length: count }, (_, index) => {
    page.writeUInt32BE(index + 2, next);
    return Buffer.from(page);
  });
  const header = databaseBytes(null, (database) =>
    database.exec('PRAGMA page_size = 65536; CREATE TABLE t (a)'),
  );
  pages[0]!.copyWithin(100, 0, next - 100);
  header.copy(pages[0]!, 0, 0, 100);
  return Buffer.concat(pages);
}

/** Replaces bytes in the rows, not in the index of their keys. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const start = (rootOf(bytes, 'scenes') - 1) * bytes.readUInt16BE(16);
  const result = Buffer.from(bytes);
  result.write(to, result.indexOf(from, start), 'latin1');
  return result;
}
