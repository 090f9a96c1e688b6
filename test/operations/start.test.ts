import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { send, TestDevice } from '../support/device.js';
import { clockOf, moveTo, pull, push } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { runTidemark, startServer, StartFailure, type ServerProcess } from '../support/server-process.js';
import { createStorage, type DatabaseName, type Storage } from '../support/storage.js';
import { options } from '../../src/foundation/config/options.js';
import { expectOneLine } from './refusals.js';

describe('the command line', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-start-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('tidemark --help names the commands and exits with 0', async () => {
    for (const flag of ['--help', '-h']) {
      const { code, stdout, stderr } = await runTidemark([flag]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const command of ['start', 'backup <file>', 'restore <file>'])
        expect(stdout).toContain(`tidemark ${command}`);
    }
  });

  test.each(['start', 'backup', 'restore'])(
    'tidemark %s --help lists every option and exits with 0, doing nothing',
    async (command) => {
      const { code, stdout } = await runTidemark([command, '--help'], { DATA_DIR: join(folder, 'data') });
      expect(code).toBe(0);
      for (const [name, { about }] of Object.entries(options)) {
        expect(stdout).toContain(`--${name.toLowerCase().replaceAll('_', '-')} `);
        expect(stdout).toContain(about);
      }
      expect(existsSync(join(folder, 'data'))).toBe(false);
    },
  );

  test.each([[['nonsense']], [['--nonsense']], [['__proto__']], [['constructor']]])(
    'tidemark %j says what there is and fails',
    async (args) => {
      const { code, stderr } = await runTidemark(args);
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(/help|tidemark start/);
      expect(stderr).not.toMatch(/^\s+at /m);
    },
  );

  test('without a command it starts', async () => {
    const env = { DATA_DIR: join(folder, 'data'), PORT: '70000' };
    expectOneLine(await runTidemark([], env), /PORT.*70000/);
    expectOneLine(await runTidemark(['--port', '70001'], env), /port.*70001/i);
  });

  test.each([
    ['a port that is none', ['--port', 'abc'], {}, /port.*abc/i],
    ['a port out of range', [], { PORT: '70000' }, /PORT.*70000/],
    ['a prefix that clients resolve', [], { API_PREFIX: '/..' }, /API_PREFIX/],
    ['another prefix that clients resolve', [], { API_PREFIX: '/a/./b' }, /API_PREFIX/],
    ['a data folder that a shell has not read', [], { DATA_DIR: '~/data' }, /DATA_DIR.*whole path/],
    ['a data folder that is an address', [], { DATA_DIR: 'file:///data' }, /DATA_DIR.*whole path/],
    ['an unknown option', ['--prot=4000'], {}, /--prot/],
    ['a flag without its value', ['--port'], {}, /--port/],
    ['a database of another kind', [], { DATABASE_URL: 'mysql://localhost/x' }, /DATABASE_URL/],
    ['a short secret', [], { JWT_SECRET: 'short' }, /JWT_SECRET/],
    ['a log level that is none', ['--log-level', 'loud'], {}, /log-level.*loud/i],
    ['a prefix that is no path', [], { API_PREFIX: 'api' }, /API_PREFIX/],
    ['a stray word', ['now'], {}, /now/],
    ['a number below its minimum', [], { ACCESS_TOKEN_TTL_SECONDS: '-5' }, /ACCESS_TOKEN_TTL_SECONDS/],
  ])('%s: one clear line', async (_name, args, env: Record<string, string>, pattern) => {
    const result = await runTidemark(['start', ...args], {
      DATA_DIR: join(folder, 'data'),
      PORT: '0',
      ...env,
    });
    expectOneLine(result, pattern);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  test('all faults are reported together', async () => {
    const { code, stderr } = await runTidemark(['start', '--port', 'abc', '--max-body-bytes', '1'], {
      JWT_SECRET: 'short',
    });
    expect(code).toBeGreaterThan(0);
    expect(stderr.trim().split('\n')).toHaveLength(3);
    for (const pattern of [/port/, /max-body-bytes/, /JWT_SECRET/]) expect(stderr).toMatch(pattern);
    expect(stderr).not.toContain('short"');
  });

  test('a data folder that cannot be made or written: one clear line', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const folders = [join(file, 'data'), file, '/proc/nowhere/data'];
    const results = await Promise.all(
      folders.map((dataDir) => runTidemark(['start'], { DATA_DIR: dataDir, PORT: '0' })),
    );
    for (const result of results) expectOneLine(result, /data folder|a-file|nowhere/i);
  });

  test('a database with a foreign table of the same name: one clear line', async () => {
    const database = new BetterSqlite(join(folder, 'tidemark.db'));
    database.exec('CREATE TABLE accounts (name TEXT)');
    database.close();
    expectOneLine(await runTidemark(['start'], { DATA_DIR: folder, PORT: '0' }), /accounts.*already exists/);
  });

  test('a data folder that holds no database of ours: one clear line', async () => {
    const file = join(folder, 'tidemark.db');
    writeFileSync(file, 'this is no database'.repeat(1_000));
    expectOneLine(await runTidemark(['start'], { DATA_DIR: folder, PORT: '0' }), /database|data/i);
    expect(readFileSync(file, 'utf8')).toMatch(/^this is no database/);
  });

  test('an unreachable PostgreSQL: one clear line, without the password', async () => {
    const env = {
      DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/nowhere',
      DATA_DIR: folder,
      PORT: '0',
    };
    const result = await runTidemark(['start'], env);
    expectOneLine(result, /PostgreSQL|database/i);
    expect(result.stderr).not.toContain('hunter2');
  });
});

describe.each<DatabaseName>(['sqlite', 'postgres'])('on %s', (database) => {
  let place: Storage;
  /** Its data folder is made by the server itself. */
  let storage: Storage;
  let server: ServerProcess;
  beforeAll(async () => {
    place = await createStorage(database);
    storage = {
      ...place,
      env: { ...place.env, DATA_DIR: join(place.env.DATA_DIR!, 'made', 'by', 'itself') },
    };
    server = await startServer({ storage });
  });
  afterAll(async () => {
    await server?.kill('SIGKILL');
    await place.dispose();
  });

  test('the ready line names API, docs and health, and each of them answers', async () => {
    const line = server
      .output()
      .split('\n')
      .find((text) => text.includes('Tidemark is ready'))!;
    const { api, docs, health } = JSON.parse(line) as Record<string, string>;
    expect((await send('GET', health!)).status).toBe(200);
    expect((await send('GET', docs!)).status).toBe(200);
    expect((await send('POST', `${api}/auth/devices`, { body: {} })).status).toBe(201);
  });

  test('a flag wins over the environment', async () => {
    const result = await runTidemark(['start', '--port', '70001'], { ...storage.env, PORT: '0' });
    expectOneLine(result, /70001/);
  });

  if (database === 'sqlite') {
    test('a taken port: one clear line, and the one who has it lives on', async () => {
      const second = await createStorage('sqlite');
      try {
        const { port } = new URL(server.url);
        expectOneLine(
          await runTidemark(['start'], { ...second.env, HOST: '127.0.0.1', PORT: port, LOG_LEVEL: 'error' }),
          new RegExp(`${port}.*(taken|in use)`, 'i'),
        );
        expect((await send('GET', `${server.url}/health/ready`)).status).toBe(200);
      } finally {
        await second.dispose();
      }
    });

    test('a second process on the same data folder is refused with one clear line, and the first lives on', async () => {
      const device = await TestDevice.register(server.url);
      const [second] = await Promise.all([
        runTidemark(['start'], { ...storage.env, PORT: '0', LOG_LEVEL: 'error' }),
        expect(startServer({ storage })).rejects.toThrow(StartFailure),
      ]);
      expectOneLine(second, /in use|another|running/i);
      await push(device, creating({ games: [game('g1')] }), await clockOf(device));
    });

    test('data folder, database and secret are for this user alone', async () => {
      await TestDevice.register(server.url);
      const dataDir = storage.env.DATA_DIR!;
      expect(statSync(dataDir).mode & 0o077).toBe(0);
      for (const name of readdirSync(dataDir).filter((file) => /secret/.test(file))) {
        expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
      }
    });
  }

  test('started again on its data, also after a SIGKILL, it goes on with them', async () => {
    const device = await TestDevice.register(server.url);
    const { timestamp } = await push(device, creating({ games: [game('g1')] }), await clockOf(device));
    await server.kill('SIGKILL');
    server = await startServer({ storage });
    moveTo(device, server.url);
    expect(await pull(device)).toMatchObject({ timestamp, changes: { games: { updated: [game('g1')] } } });
  });
});
