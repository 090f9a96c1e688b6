import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { startApp, type TestApp } from '../support/app.js';
import { send } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { getAsOperator } from '../support/operator.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, startServer } from '../support/server-process.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage, type Storage } from '../support/storage.js';

const PAGE = '<!doctype html><title>Scores</title><script src="/_expo/static/js/web/app.js"></script>';
const SCRIPT = `console.log(${JSON.stringify('x'.repeat(5_000))});`;
const HASHED = '_expo/static/js/web/index-0123456789abcdef0123456789abcdef.js';

let webDir: string;
let app: TestApp;
beforeAll(async () => {
  webDir = makeScratchDir('web');
  for (const [path, content] of [
    ['index.html', PAGE],
    [HASHED, SCRIPT],
    [`${HASHED}.gz`, gzipSync(SCRIPT)],
    [`${HASHED}.br`, brotliCompressSync(SCRIPT)],
    ['favicon.ico', 'an icon'],
    ['.secret', 'not for anyone'],
    ['.git/config', 'not for anyone'],
    ['.well-known/security.txt', 'Contact: us'],
  ] as const) {
    mkdirSync(dirname(join(webDir, path)), { recursive: true });
    writeFileSync(join(webDir, path), content);
  }
  app = await startApp('sqlite', { env: { WEB_DIR: webDir } });
});
afterAll(async () => {
  await app.close();
  rmSync(webDir, { recursive: true });
});

interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Requests a file without decoding the body, unlike `fetch`. */
function get(path: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    httpRequest(`${app.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .once('error', reject)
      .end();
  });
}

test('the page is at /, is asked for each time, and costs nothing when it is still the same', async () => {
  const page = await get('/');
  expect(page).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
  });
  expect(page.body.toString()).toBe(PAGE);
  const etag = page.headers.etag as string;
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const again = await get('/', { 'if-none-match': known });
    expect({ status: again.status, length: again.body.length, etag: again.headers.etag }).toEqual({
      status: 304,
      length: 0,
      etag,
    });
  }
  expect((await get('/', { 'if-none-match': '"other"' })).status).toBe(200);
});

test('the page may load and reach nothing but its own server, and stands in no frame', async () => {
  const { headers } = await get('/');
  const policy = Object.fromEntries(
    String(headers['content-security-policy'])
      .split('; ')
      .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1).join(' ')]),
  );
  expect(policy).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'none'",
  });
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
});

test('a file with its content in its name is kept for ever, another is asked for each time', async () => {
  expect((await get(`/${HASHED}`)).headers['cache-control']).toBe('public, max-age=31536000, immutable');
  expect((await get('/favicon.ico')).headers).toMatchObject({
    'cache-control': 'no-cache',
    'content-type': 'image/x-icon',
  });
});

test.each([
  ['br', 'gzip, deflate, br', brotliDecompressSync],
  ['gzip', 'gzip, deflate', gunzipSync],
  ['gzip', 'br;q=0, gzip;q=0.5', gunzipSync],
  [undefined, '', (body: Buffer) => body],
  [undefined, 'br;q=0, gzip;q=0.0', (body: Buffer) => body],
] as const)(
  'a script is sent as %s to a client that says "%s", under an ETag of its own',
  async (encoding, accepted, decode) => {
    const answer = await get(`/${HASHED}`, { 'accept-encoding': accepted });
    expect(answer.headers['content-encoding']).toBe(encoding);
    expect(answer.headers.vary).toBe('accept-encoding');
    expect(decode(answer.body).toString()).toBe(SCRIPT);
    const plain = await get(`/${HASHED}`);
    expect(answer.headers.etag === plain.headers.etag).toBe(encoding === undefined);
  },
);

test('HEAD answers as GET does, without the body', async () => {
  const { status, headers } = await send('HEAD', `${app.url}/`);
  expect(status).toBe(200);
  expect(headers.get('content-length')).toBe(String(PAGE.length));
});

test('what is no file of the build is unknown: other paths, hidden files, compressed copies, ways out of the folder', async () => {
  for (const path of [
    '/games',
    '/index.html/x',
    '/.secret',
    '/.git/config',
    `/${HASHED}.gz`,
    '/../package.json',
    '/%2e%2e/package.json',
  ])
    expectProblem(await send('GET', `${app.url}${path}`), 404, 'NOT_FOUND');
});

test('files in .well-known are served, although that folder is hidden', async () => {
  const { status, body } = await get('/.well-known/security.txt');
  expect({ status, body: body.toString() }).toEqual({ status: 200, body: 'Contact: us' });
});

test('/documents leads to the page of documents', async () => {
  const { status, headers } = await get('/documents');
  expect({ status, location: headers.location }).toEqual({ status: 302, location: '/#/documents' });
});

test('a rebuilt app on disk does not mix with the one that is served', async () => {
  writeFileSync(join(webDir, 'index.html'), 'something else');
  expect((await get('/')).body.toString()).toBe(PAGE);
});

describe('the copy that is served', () => {
  /** Starts a server on this storage and asks it for the page. */
  async function page(storage: Storage): Promise<{ text: string; etag: string | null }> {
    await using server = await startApp('sqlite', { storage, env: { WEB_DIR: build } });
    const answer = await fetch(`${server.url}/`);
    return { text: await answer.text(), etag: answer.headers.get('etag') };
  }
  const copiesOf = ({ env }: Storage) => join(env.DATA_DIR!, 'web');

  let build: string;
  let storage: Storage;
  beforeEach(async () => {
    build = makeScratchDir('build');
    writeFileSync(join(build, 'index.html'), PAGE);
    storage = await createStorage('sqlite');
  });
  afterEach(async () => {
    rmSync(build, { recursive: true });
    await storage.dispose();
  });

  test('has the same ETag on every server and at every time, and another for another content', async () => {
    const { etag } = await page(storage);
    const elsewhere = await createStorage('sqlite');
    utimesSync(join(build, 'index.html'), new Date(0), new Date(0));
    expect(await page(elsewhere)).toEqual({ text: PAGE, etag });
    await elsewhere.dispose();
    const newPage = PAGE.replace('Scores', 'Points');
    writeFileSync(join(build, 'index.html'), newPage);
    const changed = await page(storage);
    expect(changed.text).toBe(newPage);
    expect(changed.etag).not.toBe(etag);
  });

  test('is made anew when a part of it is missing or wrong', async () => {
    const { etag } = await page(storage);
    const [copy = ''] = readdirSync(copiesOf(storage));
    writeFileSync(join(copiesOf(storage), copy, 'index.html'), PAGE.slice(0, 10));
    expect(await page(storage)).toEqual({ text: PAGE, etag });
    rmSync(join(copiesOf(storage), copy, 'index.html'));
    expect(await page(storage)).toEqual({ text: PAGE, etag });
    expect(readdirSync(copiesOf(storage))).toEqual([copy]);
  });

  test('is made by whichever of two processes is first, when both start at once on one data folder', async () => {
    for (let n = 0; n < 500; n++) writeFileSync(join(build, `${n}.js`), SCRIPT);
    // A server start takes too long to meet another one within the few milliseconds of a copy.
    const copyBuilds = `
      import { writeFileSync, mkdirSync, cpSync } from 'node:fs';
      import { copyWebBuild } from ${JSON.stringify(pathToFileURL(resolve('dist/web/web-build.js')).href)};
      const [build, at, name] = process.argv.slice(1);
      for (let n = 0; n < 6; n++) {
        const own = build + '-' + name + n;
        cpSync(build, own, { recursive: true });
        writeFileSync(own + '/index.html', 'build ' + n);
        mkdirSync(build + '-copies', { recursive: true });
      }
      for (let n = 0; n < 6; n++) {
        while (Date.now() < Number(at) + n * 700);
        copyWebBuild(build + '-' + name + n, build + '-copies');
      }`;
    const at = String(Date.now() + 4_000);
    const run = (name: string) =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', copyBuilds, build, at, name]);
    try {
      await Promise.all([run('a'), run('b')]);
      expect(readdirSync(`${build}-copies`).filter((name) => name.startsWith('.'))).toEqual([]);
    } finally {
      for (let n = 0; n < 6; n++)
        for (const name of ['a', 'b']) rmSync(`${build}-${name}${n}`, { recursive: true, force: true });
      rmSync(`${build}-copies`, { recursive: true, force: true });
    }
  });

  test('is removed when it was last used long ago, but for the last ones', async () => {
    for (let i = 0; i < 5; i++) {
      const earlier = join(copiesOf(storage), `earlier-${i}`);
      mkdirSync(earlier, { recursive: true });
      utimesSync(earlier, new Date(i * 1_000), new Date(i * 1_000));
    }
    await page(storage);
    const names = readdirSync(copiesOf(storage));
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(['earlier-4', 'earlier-3']));
  });
});

test('with WEB_DIR=off, / leads to the description of the API', async () => {
  await using bare = await startApp('sqlite', { env: { WEB_DIR: 'off' } });
  const answer = await fetch(`${bare.url}/`, { redirect: 'manual' });
  expect({ status: answer.status, location: answer.headers.get('location') }).toEqual({
    status: 302,
    location: '/docs',
  });
});

test('the ready line names the app first when there is one', async () => {
  const storage = await createStorage('sqlite');
  try {
    for (const [setting, names] of [
      [webDir, ['app', 'api']],
      ['off', ['api', 'docs']],
    ] as const) {
      await using server = await startServer({ storage, env: { WEB_DIR: setting } });
      const line = server
        .output()
        .split('\n')
        .find((text) => text.includes('Tidemark is ready'))!;
      const addresses = Object.keys(JSON.parse(line) as object).filter(
        (name) => !['level', 'time'].includes(name),
      );
      expect(addresses.slice(0, 2)).toEqual(names);
    }
  } finally {
    await storage.dispose();
  }
});

test('a WEB_DIR without a page: one clear line', async () => {
  const { code, stderr } = await runTidemark(['start'], {
    DATA_DIR: join(webDir, 'data'),
    PORT: '0',
    LOG_LEVEL: 'error',
    WEB_DIR: join(webDir, 'nowhere'),
  });
  expect({ code, lines: stderr.trim().split('\n') }).toEqual({
    code: 1,
    lines: [expect.stringMatching(/WEB_DIR.*index\.html/)],
  });
});

describeWithSmallDisk('on a disk that has no room for the copy', () => {
  test('it is served from its folder, health says so, and no part of the copy is left', async () => {
    using disk = SmallDisk.mount(6);
    const build = makeScratchDir('large-build');
    writeFileSync(join(build, 'index.html'), PAGE);
    writeFileSync(join(build, '.env'), 'secret');
    mkdirSync(join(build, '.hidden'));
    writeFileSync(join(build, '.hidden', 'file.js'), 'secret');
    writeFileSync(join(build, 'large.js'), Buffer.alloc(8_000_000));
    const storage = await createStorage('sqlite');
    const env = { ...storage.env, DATA_DIR: disk.path, WEB_DIR: build };
    await using app = await startApp('sqlite', { storage: { ...storage, env } });
    expect(await (await fetch(app.url)).text()).toBe(PAGE);
    expect((await fetch(`${app.url}/large.js`)).status).toBe(200);
    for (const path of ['.env', '.hidden/file.js'])
      expect((await fetch(`${app.url}/${path}`)).status).toBe(404);
    const { body: health } = await getAsOperator(`${app.url}/health`);
    expect(health).toMatchObject({ status: 'degraded', web: { is_copied: false } });
    expect((await app.newDevice()).accountId).toBeTruthy();
    expect(readdirSync(join(disk.path, 'web'))).toEqual([]);
    await storage.dispose();
    rmSync(build, { recursive: true });
  });
});
