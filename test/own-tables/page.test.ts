import { mkdirSync, writeFileSync } from 'node:fs';
import { send } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { startApp, type TestApp } from '../support/app.js';
import { TestSocket } from '../support/socket.js';
import { Folder, HABITS } from './habits.js';

const APP = '<!doctype html><title>An app</title>';

/** What a server with own tables serves beside the sync, and what it leaves out. */
let folder: Folder;
let app: TestApp;
beforeAll(async () => {
  folder = new Folder({ 'tables.ts': HABITS.replace("'weekly'", "'<b>weekly</b>'") });
  app = await startApp('sqlite', {
    env: { TABLES: folder.join('tables.ts'), WEB_DIR: 'off' },
  });
});
afterAll(async () => {
  await app?.close();
  folder[Symbol.dispose]();
});

const pageOf = async ({ url }: TestApp): Promise<string> => (await fetch(`${url}/`)).text();

test('the page says what runs here, and every table with its columns', async () => {
  const page = await pageOf(app);
  for (const text of [
    'SQLite',
    'Schema version',
    '>habits<',
    '>entries<',
    '>notes<',
    '>habit_id<',
    'up to 200 characters',
  ])
    expect(page).toContain(text);
  expect(page).toContain('one of daily, &lt;b&gt;weekly&lt;/b&gt;');
  expect(page).not.toContain('<b>');
  expect(page).not.toContain(folder.path);
});

test('the page loads nothing, runs nothing and stands in no frame', async () => {
  const { headers } = await fetch(`${app.url}/`);
  const policy = headers.get('content-security-policy')!;
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; img-src data:;/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|script-src/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

test('every address that the page links to answers', async () => {
  const links = [...(await pageOf(app)).matchAll(/href="(\/[^"]*)"/g)].map((match) => match[1]!);
  expect(links).toEqual(expect.arrayContaining(['/docs', '/openapi.json', '/health']));
  for (const link of links) expect((await send('GET', app.url + link)).status).toBe(200);
});

test('the API describes the declared tables, and no links to games', async () => {
  const { body } = await send('GET', `${app.url}/openapi.json`);
  const { paths, tags, components } = body as {
    paths: object;
    tags: { name: string }[];
    components: { schemas: object };
  };
  const rows = Object.keys(components.schemas).filter((name) => name.endsWith('Row'));
  expect(rows).toEqual(['HabitsRow', 'EntriesRow', 'NotesRow']);
  expect(Object.keys(components.schemas).filter((name) => /share|game/i.test(name))).toEqual([]);
  expect(Object.keys(paths).filter((path) => /share|game/.test(path))).toEqual([]);
  expect(tags.map(({ name }) => name)).toEqual(['Devices', 'Sync', 'Documents', 'Downloads', 'Health']);
});

test('links to games are unknown', async () => {
  const device = await app.newDevice();
  for (const [method, path] of [
    ['POST', '/games/g1/shares'],
    ['GET', '/games/g1/shares'],
    ['DELETE', '/shares/s1'],
  ] as const) {
    expectProblem(await device.request(method, path), 404, 'NOT_FOUND');
  }
  using socket = new TestSocket(app.url, { share_token: 'x'.repeat(43), protocol_version: 1 });
  expect(await socket.refusal()).toMatchObject({ code: 'TOKEN_MISSING' });
});

describe('with a web app', () => {
  const startWith = (env: Record<string, string>) =>
    startApp('sqlite', { env: { TABLES: folder.join('tables.ts'), ...env } });

  test("someone's own, in WEB_DIR, stands at /", async () => {
    const webDir = folder.join('web');
    mkdirSync(webDir);
    writeFileSync(`${webDir}/index.html`, APP);
    await using own = await startWith({ WEB_DIR: webDir });
    expect(await pageOf(own)).toBe(APP);
  });
});
