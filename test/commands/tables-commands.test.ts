import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forEachDatabase } from '../support/app.js';
import { contentOf } from '../support/catalog.js';
import { TestDevice } from '../support/device.js';
import { clockOf, pull, push } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, startServer } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';

const folder = makeScratchDir('tables');
let files = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a declaration of the scorekeeping tables. @param columns of `games`, in place of their own `name` */
function writeTables(columns: string): string {
  const place = join(folder, String(++files));
  mkdirSync(place);
  const file = join(place, 'tables.ts');
  const text = readFileSync('src/protocol/tables.ts', 'utf8')
    .replace(/^import .*\n/gm, '')
    .replace(/export const schema = .*/, 'export default declareSchema(tables);')
    .replace(' as const satisfies Tables', '')
    .replace('name: text({ max: 200, optional: true }),', columns);
  const names = 'choice, declareSchema, integer, optionalRef, ref, text, timestamp';
  writeFileSync(file, `import { ${names} } from 'tidemark/schema';\n${text}`);
  return file;
}

const same = 'name: text({ max: 200, optional: true }),';

describe('tables model', () => {
  test('prints the module and nothing else', async () => {
    const { code, stdout, stderr } = await runTidemark(['tables', 'model', writeTables(same)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\/\/ Made by "npx tidemark tables model tables\.ts" from schema version 1\./);
    expect(stdout).toMatch(/export class GamePlayer [^]*\n}\n$/);
  });

  test('a file that is wrong or missing, and help', async () => {
    const asked: [args: string[], code: number, stdout: RegExp, stderr: RegExp][] = [
      [[], 1, /^$/, /^After "tables" comes check or model; see --help\.\n$/],
      [['chek', 'tables.ts'], 1, /^$/, /^After "tables" comes check or model; see --help\.\n$/],
      [['--help'], 0, /^Tidemark, [^]* tidemark tables check <file>/, /^$/],
      [['model'], 1, /^$/, /^Which file\? See --help\.\n$/],
      [['model', 'a.ts', 'b.ts'], 1, /^$/, /^One file only; see --help\.\n$/],
      [['model', writeTables('created_at: text(),')], 1, /^$/, /^\S+: Column "games\.created_at": .*\n$/],
      [['model', writeTables('name: text({ max: -1 }),')], 1, /^$/, /^\S+: Column "games\.name": max .*\n$/],
      [['check', 'nowhere.ts'], 1, /^$/, /^nowhere\.ts: there is no such file\.\n$/],
      [['check', writeTables(same), '--no-such'], 1, /^$/, /^--no-such is not an option; see --help\.\n$/],
      [['model', '--help'], 0, /^tidemark tables model <file>/, /^$/],
      [['check', '--help'], 0, /^tidemark tables check <file> \[options\]/, /^$/],
    ];
    const results = await Promise.all(asked.map(([args]) => runTidemark(['tables', ...args])));
    for (const [index, result] of results.entries()) {
      const [, code, stdout, stderr] = asked[index]!;
      expect(result).toMatchObject({
        code,
        stdout: expect.stringMatching(stdout),
        stderr: expect.stringMatching(stderr),
      });
    }
  });
});

forEachDatabase((database) => {
  describe('tables check', () => {
    let storage: Storage;
    beforeAll(async () => void (storage = await createStorage(database)));
    afterAll(() => storage?.dispose());

    const check = (columns: string) => runTidemark(['tables', 'check', writeTables(columns)], storage.env);

    test('without records it says what would be made, and makes nothing', async () => {
      const { code, stdout } = await check(same);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^There (is no database .* yet|are no records in .* yet)\. Starting the server makes/,
      );
      expect(stdout.split('\n').slice(1)).toEqual([
        'Table "games" is added: name, target_score, status, winner_id, started_at, ended_at.',
        'Table "game_players" is added: game_id, name, position, current_total.',
        'Table "rounds" is added: game_id, round_number, caller_id, created_at.',
        'Table "scores" is added: round_id, player_id, raw_score, bonus_applied, final_score, total_after.',
        '',
      ]);
      const again = await check(same);
      expect(again).toEqual({ code: 0, signal: null, stdout, stderr: '' });
    });

    test('beside a running server it tells what the next start does or refuses', async () => {
      await using server = await startServer({ storage });
      const device = await TestDevice.register(server.url);
      await push(device, creating({ games: [game('g1')] }), await clockOf(device));
      const found = await contentOf(storage);
      const results = await Promise.all([
        check(same),
        check(`${same} place: text({ since: 2 }),`),
        check('name: text({ max: 300, optional: true }),'),
        check('title: text(),'),
      ]);
      expect(results.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([
        [0, expect.stringMatching(/^Starting the server changes nothing in .*\n$/), ''],
        [
          0,
          expect.stringMatching(
            /^Starting the server brings .* from schema version 1 to 2:\nColumn "games\.place" is added; existing rows get ""\.\n$/,
          ),
          '',
        ],
        [
          0,
          expect.stringMatching(
            /^Starting the server changes .*, which stays at schema version 1:\nColumn "games\.name" takes texts of up to 300 characters instead of 200\.\n$/,
          ),
          '',
        ],
        [
          1,
          '',
          expect.stringMatching(
            /^The database has no games\.title, [^\n]*\nColumn "games\.name" is in the database, but [^\n]*\n$/,
          ),
        ],
      ]);
      expect(await contentOf(storage)).toEqual(found);
      expect((await pull(device)).changes).toMatchObject({ games: { updated: [game('g1')] } });
      await push(device, creating({ games: [game('g2')] }), await clockOf(device));
    });

    test('what it cannot read: one clear line', async () => {
      const dataDir = join(folder, 'damaged');
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(join(dataDir, 'tidemark.db'), 'this is no database'.repeat(1_000));
      const env: Record<string, string> =
        database === 'sqlite'
          ? { DATA_DIR: dataDir }
          : { DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/nowhere' };
      const { code, stderr } = await runTidemark(['tables', 'check', writeTables(same)], env);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^(Cannot reach PostgreSQL|\S+ is damaged, or no database)[^\n]*\n$/),
      });
      expect(stderr).not.toContain('hunter2');
    });
  });
});
