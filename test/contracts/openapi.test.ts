import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp, type TestApp } from '../support/app.js';
import { send } from '../support/device.js';
import { secondSchema } from '../support/records.js';
import { startServer } from '../support/server-process.js';
import { createStorage } from '../support/storage.js';
import { errors } from '../../src/protocol/errors.js';

const program = (...path: string[]) => join(process.cwd(), 'node_modules', ...path);

/** A client with types generated from the document alone. */
const CLIENT = `
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const baseUrl = process.argv[2]!;
const registered = await createClient<paths>({ baseUrl }).POST('/api/v1/auth/devices', { body: { name: 'Generated' } });
if (!registered.data) throw new Error(registered.error.code);
const headers = { authorization: 'Bearer ' + registered.data.access_token };
const client = createClient<paths>({ baseUrl, headers });

const first = await client.GET('/api/v1/sync/pull', { params: { query: { schema_version: 1 } } });
if (!first.data) throw new Error(first.error.code + ': ' + first.error.hint);
const { timestamp, history_id } = first.data;

type Game = components['schemas']['GamesRow'];
const game: Game = {
  id: 'g1', name: null, target_score: 100, status: 'active', winner_id: null, started_at: 1, ended_at: null,
};
// @ts-expect-error a status outside the closed set
const odd: Game['status'] = 'won';

const pushed = await client.POST('/api/v1/sync/push', {
  params: { query: { history_id } },
  body: { changes: { games: { created: [game], updated: [], deleted: [] } }, last_pulled_at: timestamp },
});
if (!pushed.data) throw new Error(pushed.error.code);
// @ts-expect-error no such member
pushed.data.nothing;

const second = await client.GET('/api/v1/sync/pull', { params: { query: { last_pulled_at: timestamp } } });
const games: Game[] = second.data?.changes.games.updated ?? [];
const refused = await client.GET('/api/v1/sync/pull', { params: { query: { last_pulled_at: -1 } } });
console.log(JSON.stringify({ odd, ok: pushed.data.ok, rejected: pushed.data.rejected ?? [], games, code: refused.error?.code }));
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  },
  include: ['*.ts'],
};

async function run(
  script: string,
  args: string[],
  cwd: string,
): Promise<{ code: number; stdout: string; output: string }> {
  // The server under test runs in this process: the child must not block it.
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const child = spawn(process.execPath, [script, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => ((stdout += text), (output += text)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, output };
}

interface OpenApi {
  openapi: string;
  paths: Record<
    string,
    Record<string, { operationId?: string; summary?: string; responses: Record<string, unknown> }>
  >;
  components: {
    schemas: Record<string, { enum?: string[]; properties?: Record<string, { enum?: string[] }> }>;
  };
}

let app: TestApp;
let folder: string;
let document: OpenApi;
beforeAll(async () => {
  app = await startApp('sqlite');
  folder = mkdtempSync(join(tmpdir(), 'tidemark-openapi-'));
  const { body } = await send('GET', `${app.url}/openapi.json`);
  document = body as OpenApi;
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document, null, 2));
  symlinkSync(program(), join(folder, 'node_modules'));
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

test('/openapi.json is OpenAPI 3.1 and /docs shows it', async () => {
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  const docs = await fetch(`${app.url}/docs`);
  expect(docs.status).toBe(200);
  expect(docs.headers.get('content-type')).toMatch(/^text\/html/);
});

test('the built server serves the same document', async () => {
  const storage = await createStorage('sqlite');
  await using server = await startServer({ storage });
  const { body } = await send('GET', `${server.url}/openapi.json`);
  expect(body).toEqual(document);
  await storage.dispose();
});

test('it lints without an error', async () => {
  const { stdout } = await run(
    program('@redocly', 'cli', 'bin', 'cli.js'),
    ['lint', 'openapi.json', '--format=json'],
    folder,
  );
  const { problems } = JSON.parse(stdout) as {
    problems: { severity: string; ruleId: string; message: string; location: { pointer?: string }[] }[];
  };
  const found = problems
    .filter(({ severity }) => severity === 'error')
    .map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`);
  expect(found).toEqual([]);
});

test('a client generated from it type-checks, and pulls and pushes', async () => {
  const generated = await run(
    program('openapi-typescript', 'bin', 'cli.js'),
    ['openapi.json', '-o', 'api.d.ts'],
    folder,
  );
  expect(generated).toMatchObject({ code: 0 });
  writeFileSync(join(folder, 'client.ts'), CLIENT);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const checked = await run(program('typescript', 'bin', 'tsc'), ['-p', '.'], folder);
  expect({ code: checked.code, output: checked.output }).toEqual({ code: 0, output: '' });
  const ran = await run(program('tsx', 'dist', 'cli.mjs'), ['client.ts', app.url], folder);
  expect({ code: ran.code, output: ran.output }).toMatchObject({ code: 0 });
  expect(JSON.parse(ran.stdout)).toEqual({
    odd: 'won',
    ok: true,
    rejected: [],
    games: [
      {
        id: 'g1',
        name: null,
        target_score: 100,
        status: 'active',
        winner_id: null,
        started_at: 1,
        ended_at: null,
      },
    ],
    code: 'BAD_REQUEST',
  });
});

test('every error code is in the document, and every operation has an id, a summary and its problems', () => {
  expect(document.components.schemas.Problem?.properties?.code?.enum?.sort()).toEqual(
    Object.keys(errors).sort(),
  );
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { summary, responses } of operations) {
    expect(summary).toMatch(/^[A-Z].{10,}/);
    expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true);
    expect(Object.keys(responses).some((status) => status.startsWith('4') || status.startsWith('5'))).toBe(
      true,
    );
  }
});

test('another declaration of records makes another document', async () => {
  await using later = await startApp('sqlite', { schema: secondSchema });
  const { body } = await send('GET', `${later.url}/openapi.json`);
  const schemas = (body as OpenApi).components.schemas;
  expect(schemas.VenuesRow?.properties).toMatchObject({ name: { type: 'string' } });
  expect(schemas.GamesRow?.properties).toHaveProperty('is_ranked');
  expect(document.components.schemas.GamesRow?.properties).not.toHaveProperty('is_ranked');
});
