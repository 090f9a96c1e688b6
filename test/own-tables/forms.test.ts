import { declaredTables } from '../../src/declared-tables.js';
import { Folder, HABITS } from './habits.js';

/** The forms in which tables may be declared. */
describe('accepted is', () => {
  const names = async (file: string): Promise<string[]> => Object.keys((await declaredTables(file)).tables);

  test.each([
    ['TypeScript with types', 'tables.ts', HABITS.replace('declareSchema,', 'declareSchema, type Tables,')],
    ['an ECMAScript module', 'tables.mjs', HABITS],
    ['JavaScript, whatever the folder says', 'tables.js', HABITS],
    [
      'CommonJS',
      'tables.cjs',
      HABITS.replace('import', 'const')
        .replace(" from 'tidemark/schema'", " = require('tidemark/schema')")
        .replace('export default', 'module.exports ='),
    ],
  ])('%s', async (_name, file, text) => {
    using folder = new Folder({ [file]: text });
    expect(await names(folder.join(file))).toEqual(['habits', 'entries', 'notes']);
  });

  test('a declaration in several files', async () => {
    using folder = new Folder({
      'tables.ts':
        "import { declareSchema } from 'tidemark/schema'; import { notes } from './notes'; export default declareSchema({ notes });",
      'notes.ts':
        "import { text } from 'tidemark/schema'; export const notes = { since: 1, columns: { body: text() } };",
    });
    expect(await names(folder.join('tables.ts'))).toEqual(['notes']);
  });

  test('JSON, which declares the same as the functions do', async () => {
    const columns = {
      name: { kind: 'text', max: 200 },
      cadence: { kind: 'choice', values: ['daily', 'weekly'], default: 'daily' },
      goal: { kind: 'integer', default: 1 },
      archived: { kind: 'boolean' },
    };
    const habit_id = { kind: 'ref', table: 'habits' };
    using folder = new Folder({
      'tables.ts': HABITS,
      'tables.json': JSON.stringify({
        habits: { since: 1, columns },
        entries: {
          since: 1,
          columns: { habit_id, done_at: { kind: 'timestamp' }, amount: { kind: 'integer', optional: true } },
        },
        notes: {
          since: 1,
          columns: {
            habit_id,
            entry_id: { kind: 'optionalRef', table: 'entries' },
            body: { kind: 'text', max: 5_000, optional: true },
          },
        },
      }),
    });
    const asText = async (file: string) => JSON.stringify(await declaredTables(folder.join(file)));
    expect(await asText('tables.json')).toEqual(await asText('tables.ts'));
  });

  test('JSON that begins with a byte order mark, as some editors write it', async () => {
    using folder = new Folder({
      'tables.json': '\ufeff{ "notes": { "since": 1, "columns": { "body": { "kind": "text" } } } }',
    });
    expect(await names(folder.join('tables.json'))).toEqual(['notes']);
  });

  test('what another copy of this package declared', async () => {
    using folder = new Folder({
      'tables.mjs': HABITS.replace('tidemark/schema', `${process.cwd()}/dist/protocol/declaration.js`),
    });
    expect(await names(folder.join('tables.mjs'))).toEqual(['habits', 'entries', 'notes']);
  });
});
