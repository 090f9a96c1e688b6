import { readdirSync } from 'node:fs';
import { declaredTables } from '../../src/declared-tables.js';
import { runTidemark } from '../support/server-process.js';
import { Folder } from './habits.js';

const IMPORT =
  "import { boolean, choice, declareSchema, integer, optionalRef, real, ref, text, timestamp } from 'tidemark/schema';";
const declaring = (tables: string): string => `${IMPORT}\nexport default declareSchema(${tables});\n`;
/** A declaration whose only fault, if any, is in one column. */
const withColumn = (column: string, name = 'x'): string =>
  declaring(`{ habits: { since: 1, columns: { name: text(), ${name}: ${column} } } }`);
const json = (column: object): string =>
  JSON.stringify({ habits: { since: 1, columns: { name: { kind: 'text' }, x: column } } });

/** The lines with which a file is refused, without the name of the file. */
async function faultsOf(name: string, text: string, more: Record<string, string> = {}): Promise<string[]> {
  using folder = new Folder({ ...more, [name]: text });
  const file = folder.join(name);
  const error: Error = await declaredTables(file).then(
    () => new Error('It was accepted.'),
    (thrown: Error) => thrown,
  );
  expect(error.name).toBe('AppStartError');
  return error.message.split('\n').map((line) => line.replaceAll(file, name).replaceAll(`${name}: `, ''));
}

describe('one clear line for', () => {
  test.each<[string, string, string]>([
    ['a default export that is missing', 'export const tables = 5;', 'default export must be declareSchema'],
    [
      'tables that are not declared',
      `${IMPORT} export default { a: {} };`,
      'default export must be declareS',
    ],
    ['another default export', 'export default null;', 'default export must be declareSchema'],
    ['no table', declaring('{}'), 'It declares no table.'],
    ['a function that is not called', withColumn('text'), 'not the function text'],
    ['tables that are no object', declaring('[]'), 'The tables must be an object by their names, not [].'],
    [
      'a table that is none',
      declaring('{ habits: 5 }'),
      'Table "habits": it must be { since, columns }, not 5.',
    ],
    [
      'a table without columns',
      declaring('{ habits: { since: 1, columns: {} } }'),
      'Table "habits": columns must be an object with at least one column, not {}.',
    ],
    [
      'more columns than a database can read at once',
      declaring(
        '{ wide: { since: 1, columns: Object.fromEntries(Array.from({ length: 401 }, (_, n) => [`c${n}`, text()])) } }',
      ),
      'Table "wide": it has 401 columns; at most 400 are possible.',
    ],
    [
      'a word that a table does not have',
      declaring('{ habits: { since: 1, colums: {}, columns: { name: text() } } }'),
      'Table "habits": "colums" is unknown; a table has since and columns.',
    ],
    [
      'a since that is no version',
      declaring('{ habits: { since: 0, columns: { name: text() } } }'),
      'Table "habits": since must be a whole number from 1 to 10000, not 0.',
    ],
    [
      'a since that is missing',
      declaring('{ habits: { columns: { name: text() } } }'),
      'Table "habits": since must be a whole number from 1 to 10000, not undefined.',
    ],
    [
      'a table name with capitals',
      declaring('{ Habits: { since: 1, columns: { name: text() } } }'),
      'Table "Habits": this name',
    ],
    [
      'a reserved table name',
      declaring('{ changes: { since: 1, columns: { name: text() } } }'),
      'Table "changes": this name',
    ],
    [
      'a name that SQLite keeps',
      declaring('{ sqlite_x: { since: 1, columns: { name: text() } } }'),
      'Table "sqlite_x": this',
    ],
    [
      'a name whose indexes SQLite would keep',
      declaring('{ sqlite: { since: 1, columns: { name: text() } } }'),
      'Table "sqlite": this',
    ],
    [
      'a name that PostgreSQL gives an index',
      declaring('{ notes_pkey: { since: 1, columns: { name: text() } } }'),
      'Table "notes_pkey": this',
    ],
    [
      'a table of the server itself',
      declaring('{ documents: { since: 1, columns: { name: text() } } }'),
      'Table "documents": the server itself has that name in its database; choose another.',
    ],
    [
      'a table with the name of an index',
      declaring(
        '{ a: { since: 1, columns: { x: text() } }, a_tombstones: { since: 1, columns: { x: text() } } }',
      ),
      'Table "a": its index "a_tombstones" has the name of another table or index.',
    ],
    [
      'a column of the server itself',
      withColumn('text()', 'last_modified'),
      'Column "habits.last_modified": this name',
    ],
    ['a column that PostgreSQL keeps', withColumn('text()', 'xmin'), 'Column "habits.xmin": this name'],
    [
      'a column that WatermelonDB keeps',
      withColumn('text()', 'constructor'),
      'Column "habits.constructor": this name',
    ],
    [
      'a column that is none',
      withColumn("'text'"),
      'Column "habits.x": it must be text(), integer(), ref() or another',
    ],
    [
      'a reference to nothing',
      withColumn("ref('persons')"),
      'Column "habits.x": it refers to "persons", which is not declared.',
    ],
    ['a reference without a table', withColumn('optionalRef()'), 'Column "habits.x": it must name the table'],
    [
      'a length out of range',
      withColumn('text({ max: 0 })'),
      'Column "habits.x": max must be a whole number from 1 to 10000000, not 0.',
    ],
    [
      'a default of another kind',
      withColumn("integer({ default: 'x' })"),
      'Column "habits.x": default must be a whole number',
    ],
    [
      'a fraction as integer',
      withColumn('integer({ default: 1.5 })'),
      'Column "habits.x": default must be a whole number',
    ],
    [
      'a default that is no number',
      withColumn('real({ default: NaN })'),
      'Column "habits.x": default must be a finite number, not NaN.',
    ],
    [
      'a default that is too long',
      withColumn("text({ max: 2, default: 'abc' })"),
      'default must be at most 2 characters long, not "abc".',
    ],
    [
      'a default that no database stores',
      withColumn("text({ default: '\\0' })"),
      'default must be a text without NUL',
    ],
    [
      'a default beside the choices',
      withColumn("choice(['a', 'b'], { default: 'c' })"),
      'default must be one of "a", "b", not "c".',
    ],
    ['a choice without a default', withColumn("choice(['a'])"), 'default must be one of "a", not null.'],
    [
      'a choice of one text twice',
      withColumn("choice(['a', 'a'], { default: 'a' })"),
      'its values must be a list of different texts',
    ],
    [
      'an option that does not exist',
      withColumn('boolean({ defualt: true })'),
      '"defualt" is not an option of this kind; it has since, optional, default.',
    ],
    [
      'a version of a column that is none',
      withColumn('timestamp({ since: 1.5 })'),
      'since must be a whole number from 1 to 10000, not 1.5.',
    ],
    [
      'a date as a version',
      withColumn('text({ since: 202505191715 })'),
      'since must be a whole number from 1 to 10000, counted up by one from version to version, not 202505191715.',
    ],
    [
      'options that are none',
      withColumn('text(7)'),
      'Column "habits.x": its options must be an object, not 7.',
    ],
    [
      'a package that is not there',
      "import x from 'no-such-package'; export default x;",
      "It imports 'no-such-package', which cannot be found.",
    ],
    [
      'a misspelt function',
      "import { text } from 'tidemark/schema'; export default tetx();",
      'tetx is not defined',
    ],
  ])('%s', async (_name, text, line) => {
    expect(await faultsOf('tables.ts', text)).toEqual([expect.stringContaining(line)]);
  });

  test.each<[string, string, string]>([
    ['what is not JSON', '{\n  "habits": {\n}', 'It is not JSON: line 3: Expected'],
    ['JSON that is no object', '[]', 'The tables must be an object by their names, not [].'],
    [
      'a kind that does not exist',
      json({ kind: 'string' }),
      'Column "habits.x": kind must be one of text, integer, timestamp,',
    ],
    [
      'a kind that is missing',
      json({ max: 3 }),
      'Column "habits.x": kind must be one of text, integer, timestamp,',
    ],
    ['a column that is none', json([]), 'Column "habits.x": it must be'],
    [
      'an unknown key',
      json({ kind: 'text', maximum: 3 }),
      '"maximum" is not an option of this kind; it has max, since,',
    ],
    [
      'a reference to nothing',
      json({ kind: 'ref', table: 'persons' }),
      'it refers to "persons", which is not declared.',
    ],
    [
      'choices that are none',
      json({ kind: 'choice', values: 'ab', default: 'a' }),
      'its values must be a list of different texts',
    ],
  ])('JSON: %s', async (_name, text, line) => {
    expect(await faultsOf('tables.json', text)).toEqual([expect.stringContaining(line)]);
  });

  test('what does not parse, with the line', async () => {
    expect(await faultsOf('tables.ts', `${IMPORT}\nexport default {;\n`)).toEqual([
      expect.stringMatching(/tables\.ts:2:\d+: Unexpected token/),
    ]);
  });

  test('a fault in another file that the declaration imports, with that file', async () => {
    const text = "import { habits } from './habits.ts'; export default habits;";
    const habits = '\n\nexport const habits = nothing;';
    expect(await faultsOf('tables.ts', text, { 'habits.ts': habits })).toEqual([
      expect.stringMatching(/habits\.ts:3:\d+: nothing is not defined$/),
    ]);
  });
});

test('all faults are listed together, those of the names of the server too', async () => {
  const tables = '{ documents: { since: 0, columns: { id: text({ max: -1 }) } }, Notes: {} }';
  const lines = await faultsOf('tables.ts', declaring(tables));
  for (const part of ['since', 'documents.id": this name', 'max', 'Notes', 'columns', 'server itself'])
    expect(lines.filter((line) => line.includes(part)).length).toBeGreaterThan(0);
  expect(lines.length).toBeGreaterThan(5);
});

test.each([
  ['a file that is not there', 'nowhere.ts', /^nowhere\.ts: there is no such file\.$/],
  ['a folder', 'folder.ts', /^folder\.ts: there is no such file\.$/],
  [
    'a file of another kind',
    'tables.sql',
    /^tables\.sql: tables are declared in a \.ts, \.js or \.json file\.$/,
  ],
])('%s: one clear line', async (_name, file, pattern) => {
  using folder = new Folder({ 'tables.sql': '' });
  folder.makeFolder('folder.ts');
  const loading = declaredTables(folder.join(file)).catch((error: Error) => {
    throw new Error(error.message.replaceAll(folder.join(file), file));
  });
  await expect(loading).rejects.toThrow(pattern);
});

test.each([
  ['the server', ['start']],
  ['a restore', ['restore', 'backup.db']],
  ['a restore of a document', ['documents', 'restore', 'a/v/k', '1-1']],
])('%s ends with the line alone, and makes nothing', async (_name, command) => {
  using folder = new Folder({
    'faulty.ts': declaring('{ Habits: { since: 1, columns: { name: text() } } }'),
    'backup.db': '',
  });
  const before = readdirSync(folder.path);
  const env = { DATA_DIR: folder.join('data'), PORT: '0', LOG_LEVEL: 'error' };
  const { code, stdout, stderr } = await runTidemark([...command, '--tables', 'faulty.ts'], env, folder.path);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.trimEnd()).toMatch(/^faulty\.ts: Table "Habits": this name [^\n]*$/);
  expect(readdirSync(folder.path)).toEqual(before);
});
