import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { TestDevice } from '../support/device.js';
import { until } from '../support/exchange.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, spawnTidemark, startServer } from '../support/server-process.js';
import { expectOneLine } from './refusals.js';

let folder: string;
let umask: number;
beforeEach(() => {
  folder = makeScratchDir('folder');
  umask = process.umask(0o022); // servers inherit it
});
afterEach(() => {
  process.umask(umask);
  rmSync(folder, { recursive: true });
});

const env = (more: Record<string, string> = {}) => ({
  DATA_DIR: join(folder, 'data'),
  PORT: '0',
  WEB_DIR: 'off',
  ...more,
});
const storage = () => ({ env: env(), dispose: async () => undefined });

/** All files below a folder that the group or others may read. */
function openFiles(below: string): string[] {
  return readdirSync(below, { recursive: true, encoding: 'utf8' }).filter(
    (name) => (statSync(join(below, name)).mode & 0o077) !== 0,
  );
}

describe('the secret in the data folder', () => {
  const secret = () => join(folder, 'data', 'jwt-secret');
  beforeEach(() => mkdirSync(join(folder, 'data')));

  test.each([
    ['of three characters', 'abc'],
    ['that is empty', ''],
    ['of white space', ' \n'.repeat(40)],
    ['of 31 characters and a line end', `${'a'.repeat(31)}\n`],
  ])('%s is refused with one line, and stays as it is', async (_name, content) => {
    writeFileSync(secret(), content);
    expectOneLine(
      await runTidemark(['start'], env()),
      /jwt-secret holds no secret of at least 32 characters/,
    );
    expect(readFileSync(secret(), 'utf8')).toBe(content);
  });

  test('that is a folder: one line', async () => {
    mkdirSync(secret());
    expectOneLine(await runTidemark(['start'], env()), /jwt-secret: EISDIR/);
  });

  test.each(['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'OPERATOR_TOKEN'])(
    '%s of white space is refused',
    async (name) => {
      expectOneLine(
        await runTidemark(['start'], env({ [name]: ` ${'\t '.repeat(40)}abc` })),
        new RegExp(name),
      );
    },
  );
});

describe('the database in the data folder', () => {
  beforeEach(() => mkdirSync(join(folder, 'data')));

  test.each(['tidemark.db', 'lock'])('one line when %s is a folder', async (name) => {
    mkdirSync(join(folder, 'data', name));
    expectOneLine(await runTidemark(['start'], env()), /unable to open database file/);
  });

  test('a program that holds it is named as the fault, and SIGTERM ends the start that waits for it', async () => {
    const other = new BetterSqlite(join(folder, 'data', 'tidemark.db'));
    try {
      other.exec('CREATE TABLE mine (x); BEGIN EXCLUSIVE');
      const waiting = spawnTidemark(['start'], env());
      await until(
        () => readdirSync(join(folder, 'data')),
        (names) => names.includes('lock'),
      );
      expect(await waiting.kill('SIGTERM')).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' });
      expectOneLine(await runTidemark(['start'], env()), /tidemark\.db is locked by another program/);
    } finally {
      other.close();
    }
  });
});

test('a fault that a part of the server finds is told once', async () => {
  const result = await runTidemark(['start'], env({ STORAGE_URL: 'file:relative' }));
  expectOneLine(result, /STORAGE_URL must name a folder/);
  expect(result.stdout).toBe('');
});

test('all that the server and its commands write is for this user alone', async () => {
  const backup = join(folder, 'a.backup');
  {
    await using server = await startServer({ storage: storage() });
    await TestDevice.register(server.url);
    expect(openFiles(join(folder, 'data'))).toEqual([]);
    expect(await runTidemark(['backup', backup], env())).toMatchObject({ code: 0 });
    expect(openFiles(folder)).toEqual([]);
  }
  chmodSync(backup, 0o644); // as older versions wrote it
  expect(await runTidemark(['restore', backup], env())).toMatchObject({ code: 0 });
  expect(openFiles(folder)).toEqual(['a.backup']);
});

test('files that older versions left open are closed at the start', async () => {
  await (await startServer({ storage: storage() })).kill('SIGKILL');
  const data = join(folder, 'data');
  writeFileSync(join(data, 'before-restore-1.db'), '');
  for (const name of readdirSync(data).filter((file) => /\.db|secret/.test(file)))
    chmodSync(join(data, name), 0o644);
  await using server = await startServer({ storage: storage() });
  expect(openFiles(data)).toEqual([]);
  await server.kill('SIGTERM');
});
