import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { postgresFolders } from '../support/postgres-tools.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, startServer } from '../support/server-process.js';
import { expectOneLine } from './refusals.js';

describe('a password is never printed', () => {
  let folder: string;
  let backup: string;
  let tables: string;
  beforeAll(() => {
    folder = makeScratchDir('url');
    writeFileSync((backup = join(folder, 'a.backup')), 'x');
    writeFileSync(
      (tables = join(folder, 'tables.json')),
      '{"notes":{"since":1,"columns":{"title":{"kind":"text"}}}}',
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (args: string[], env: Record<string, string>) =>
    runTidemark(args, { DATA_DIR: folder, PORT: '0', ...env });

  test.each([
    ['a /', 'postgres://someone:hun/ter2@127.0.0.1:1/nowhere'],
    ['an @', 'postgres://someone:hun@ter2@127.0.0.1:1/nowhere'],
    ['an @ and a /', 'postgres://someone:hun@ter2/hun@127.0.0.1:1/nowhere'],
    ['a ?', 'postgres://someone:hun?ter2@127.0.0.1:1/nowhere'],
    ['a #', 'postgres://someone:hun#ter2@127.0.0.1:1/nowhere'],
    ['a number before a /', 'postgres://someone:4711/ter2@127.0.0.1:1/nowhere'],
    ['a number before a ?', 'postgres://someone:4711?ter2@127.0.0.1:1/nowhere'],
    ['a number before a #', 'postgres://someone:4711#ter2@127.0.0.1:1/nowhere'],
    ['a % that encodes nothing', 'postgres://someone:hun%E0%A4ter2@127.0.0.1:1/nowhere'],
    ['spaces', 'postgres://someone:hun ter2@127.0.0.1:1/nowhere'],
    ['a parameter', 'postgres://127.0.0.1:1/nowhere?user=someone&password=hunter2'],
    ['a parameter with an @', 'postgres://127.0.0.1:1/nowhere?password=hun@ter2&user=someone'],
    ['both places', 'postgres://someone:ter2@127.0.0.1:1/nowhere?password=hunter2'],
    ['a second ? before it', 'postgres://127.0.0.1:1/nowhere?user=someone?password=hunter2'],
    ['a second ? before it, after a host', 'postgres://127.0.0.1:1/nowhere?host=/no/where?password=hunter2'],
    ['a ; before it', 'postgres://127.0.0.1:1/nowhere?user=someone;password=hunter2'],
    ['an & instead of the first ?', 'postgres://127.0.0.1:1/nowhere&password=hunter2'],
    ['a ; instead of the first ?', 'postgres://127.0.0.1:1/nowhere;password=hunter2'],
    ['a port that is none', 'postgres://someone:ter2@127.0.0.1/nowhere?port=hunter2'],
  ])('with %s in it', async (_name, url) => {
    const result = await run(['start'], { DATABASE_URL: url });
    expectOneLine(result, /PostgreSQL at 127\.0\.0\.1, port 1 |DATABASE_URL/);
    expect(result.stdout + result.stderr).not.toMatch(/hun|ter2|4711/);
  });

  test.each([
    [['documents']],
    [['tables', 'check', 'TABLES']],
    [['documents', 'restore', 'a/b/layout', '1-1']],
    [['backup', 'BACKUP.new']],
    [['restore', 'BACKUP']],
  ])('by tidemark %j', async (args) => {
    const words = args.map((word) => word.replace('BACKUP', backup).replace('TABLES', tables));
    const DATABASE_URL = 'postgres://127.0.0.1:1/nowhere?user=someone&password=hun@ter2';
    const result = await run(words, { DATABASE_URL });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/127\.0\.0\.1/);
    expect(result.stdout + result.stderr).not.toMatch(/hun|ter2|^\s+at /m);
  });

  test('in the wrong place', async () => {
    const url = 'postgres://someone:hunter2@127.0.0.1:1/nowhere';
    for (const args of [
      [url],
      ['start', url],
      ['--port', url],
      ['--log-level', url],
      ['--trust-proxy', url],
    ]) {
      const result = await run(args, {});
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/--help|port|log-level/);
      expect(result.stdout + result.stderr).not.toMatch(/hunter2|^\s+at /m);
    }
  });

  test('for a certificate that is missing, which is named', async () => {
    const DATABASE_URL =
      'postgres://someone:hunter2@127.0.0.1:1/nowhere?sslmode=verify-full&sslrootcert=/no/such.pem';
    const result = await run(['start'], { DATABASE_URL });
    expectOneLine(result, /DATABASE_URL.*\/no\/such\.pem/);
    expect(result.stderr).not.toContain('hunter2');
  });

  test('an address with several numbers names the fault', async () => {
    const result = await run(['start'], { DATABASE_URL: 'postgres://someone:hunter2@localhost:1/nowhere' });
    expectOneLine(result, /localhost, port 1 .*ECONNREFUSED/);
  });
});

const [tools] = postgresFolders();
if (tools === undefined)
  console.warn('\n!! No PostgreSQL tools are installed here: backups of PostgreSQL are NOT tried.\n');

(tools === undefined ? describe.skip : describe)(
  'backup and restore reach every database that the server reaches',
  () => {
    let postgres: Postgres;
    let folder: string;
    let database: string;
    beforeAll(async () => {
      postgres = await startPostgres({ binDir: tools });
      database = await postgres.createDatabase();
      await postgres.query(`CREATE ROLE "odd /@?#'%" SUPERUSER LOGIN PASSWORD 'x'`);
      folder = makeScratchDir('tools');
    });
    afterAll(async () => {
      await postgres?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test.each([
      [
        'a socket by parameter, with a user',
        (socket: string) => `postgres://postgres@/DATABASE?host=${socket}`,
      ],
      [
        'a socket by parameter alone',
        (socket: string) => `postgres:///DATABASE?host=${socket}&user=postgres`,
      ],
      ['an encoded socket', (socket: string) => `postgres://postgres@${encodeURIComponent(socket)}/DATABASE`],
      [
        'uselibpqcompat',
        (socket: string) =>
          `postgresql://postgres@/DATABASE?host=${socket}&uselibpqcompat=true&sslmode=disable`,
      ],
      [
        'a user of special characters',
        (socket: string) => `postgres://${encodeURIComponent(`odd /@?#'%`)}:p%40ss@/DATABASE?host=${socket}`,
      ],
    ])('%s', async (_name, urlOf) => {
      const env = {
        DATABASE_URL: urlOf(postgres.socketDir).replace('DATABASE', database),
        DATA_DIR: folder,
        PATH: [tools, process.env.PATH].join(delimiter),
      };
      const file = join(folder, `${Math.random()}.backup`);
      await (await startServer({ storage: { env, dispose: async () => undefined } })).kill('SIGTERM');
      expect(await runTidemark(['backup', file], env)).toMatchObject({ code: 0, stderr: '' });
      expect(await runTidemark(['restore', file], env)).toMatchObject({ code: 0, stderr: '' });
    });

    test('their tools get no secrets, and nothing secret in their arguments', async () => {
      const seen = join(folder, 'seen');
      const spies = makeScratchDir('spies');
      const spy = join(spies, 'pg_dump');
      writeFileSync(
        spy,
        `#!/bin/sh\nprintf '%s\\n' "$@" > '${seen}'\nenv >> '${seen}'\nexec '${join(tools!, 'pg_dump')}' "$@"\n`,
      );
      chmodSync(spy, 0o755);
      const env = {
        DATABASE_URL: `postgres://postgres:hunter2@/${database}?host=${postgres.socketDir}`,
        DATA_DIR: folder,
        PATH: [spies, process.env.PATH].join(delimiter),
        JWT_SECRET: 'this-must-stay-in-the-server-itself',
        OPERATOR_TOKEN: 'this-must-stay-in-the-server-as-well',
        S3_SECRET_ACCESS_KEY: 'and-this',
      };
      expect(await runTidemark(['backup', join(folder, 'spied.backup')], env)).toMatchObject({ code: 0 });
      const text = readFileSync(seen, 'utf8');
      expect(text.match(/hunter2/g)).toHaveLength(1);
      expect(text).toMatch(/^PGPASSWORD=hunter2$/m);
      expect(text).not.toMatch(/JWT|OPERATOR|S3_|DATABASE_URL|and-this/);
    });
  },
);
