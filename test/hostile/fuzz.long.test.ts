import fc from 'fast-check';
import { forEachDatabase } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import { clockOf, expectSurvived, liveRows, stateOf, store } from '../support/exchange.js';
import { evening, tableNames } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { tables } from '../../src/protocol/tables.js';

/** FUZZ_RUNS=400 makes ten times as many runs. */
const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 40) };

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '\u0000', '\ud800', '__proto__', 'null'),
);
const anyValue = fc.oneof(fc.jsonValue({ stringUnit: 'binary' }), fc.double(), fc.maxSafeInteger(), anyText);
const someId = fc.oneof(
  fc.constantFrom('a-game', 'a-ada', 'a-round', 'a-score-ada', 'new1', 'new2', '__proto__'),
  anyText,
);
const columnNames = [...new Set(Object.values(tables).flatMap((table) => Object.keys(table.columns)))];
const someRow = fc
  .tuple(someId, fc.dictionary(fc.oneof(fc.constantFrom(...columnNames), anyText), anyValue, { maxKeys: 8 }))
  .map(([id, columns]) => ({ ...columns, id }));
const someRows = fc.array(fc.oneof({ weight: 20, arbitrary: someRow }, { weight: 1, arbitrary: anyValue }), {
  maxLength: 5,
});
const someIds = fc.array(fc.oneof({ weight: 20, arbitrary: someId }, { weight: 1, arbitrary: anyValue }), {
  maxLength: 3,
});
const someChanges = fc.dictionary(
  fc.oneof({ weight: 10, arbitrary: fc.constantFrom(...tableNames) }, { weight: 1, arbitrary: anyText }),
  fc.oneof(
    { weight: 15, arbitrary: fc.record({ created: someRows, updated: someRows, deleted: someIds }) },
    { weight: 1, arbitrary: anyValue },
  ),
  { maxKeys: 4 },
);
/** Texts that can stand in a header: visible Latin-1. */
const headerText = fc.string({
  unit: fc
    .integer({ min: 33, max: 255 })
    .filter((code) => code < 127 || code > 160)
    .map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

/** Random input; a failing seed is printed and replays with `{ seed, path }`. */
forEachDatabase((database) => {
  const app = shareApp(database);
  let device: TestDevice;
  let lastPulledAt: number;

  beforeEach(async () => {
    device = await app().newDevice();
    lastPulledAt = await store(device, evening('a'));
  });

  /** Sends one request; if it fails, the account must be unchanged. */
  async function probe(ask: () => ReturnType<TestDevice['request']>) {
    const before = await stateOf(device);
    const reply = await ask();
    expectSurvived(reply);
    if (reply.status >= 400) expect(await stateOf(device)).toEqual(before);
    return reply;
  }

  /** Every row that a pull returns fits the declaration. */
  async function expectSoundRows() {
    for (const [table, rows] of Object.entries(await liveRows(device))) {
      const { columns } = tables[table as keyof typeof tables];
      for (const row of rows) {
        expect(row.id).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
        expect(Object.keys(row)).toHaveLength(1 + Object.keys(columns).length);
        for (const [name, column] of Object.entries(columns))
          expect(column.coerce(row[name] as never)).toEqual(row[name]);
      }
    }
  }

  test('any JSON as the body of a push', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ stringUnit: 'binary' }), async (body) => {
        await probe(() =>
          device.request('POST', '/sync/push', { body, query: { last_pulled_at: lastPulledAt } }),
        );
      }),
      RUNS,
    );
  });

  test('any values for the fields of a push', async () => {
    const fields = fc.record(
      {
        changes: fc.oneof(anyValue, someChanges),
        last_pulled_at: anyValue,
        schema_version: anyValue,
        history_id: anyValue,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fields, async (body) => {
        await probe(() => device.request('POST', '/sync/push', { body }));
      }),
      RUNS,
    );
  });

  test('changes objects of all kinds: what is stored is sound, what is refused changes nothing, repeats change nothing', async () => {
    await fc.assert(
      fc.asyncProperty(someChanges, async (changes) => {
        const clock = await clockOf(device);
        const reply = await probe(() => device.push(changes, clock));
        if (reply.status !== 200) return;
        await expectSoundRows();
        const stored = await liveRows(device);
        const again = await device.push(changes, clock);
        expect([200, 409]).toContain(again.status);
        expect(await liveRows(device)).toEqual(stored);
      }),
      { numRuns: 2 * RUNS.numRuns },
    );
  });

  test('any bytes as the body, plain or called gzip', async () => {
    const kinds = fc.constantFrom<Record<string, string>>(
      {},
      { 'content-encoding': 'gzip' },
      { 'content-type': 'text/plain' },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), kinds, async (body, headers) => {
        await probe(() =>
          device.request('POST', '/sync/push', { body, headers, query: { last_pulled_at: lastPulledAt } }),
        );
      }),
      RUNS,
    );
  });

  test('any query of a pull, a status and a push', async () => {
    const value = fc.oneof(
      anyText,
      fc.double().map(String),
      fc.maxSafeInteger().map(String),
      fc.json(),
      fc.array(anyText, { maxLength: 3 }),
    );
    const names = fc.oneof(
      fc.constantFrom('last_pulled_at', 'schema_version', 'migration', 'history_id', 'replacement'),
      anyText,
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, value), async (query) => {
        await probe(() => device.pull(query));
        await probe(() => device.request('GET', '/sync/status', { query }));
        await probe(() => device.request('POST', '/sync/push', { query, body: {} }));
      }),
      RUNS,
    );
  });

  test('any migration', async () => {
    const names = fc.array(fc.oneof(fc.constantFrom(...tableNames, ...columnNames), anyText), {
      maxLength: 4,
    });
    const columns = fc.array(
      fc.record({ table: fc.oneof(fc.constantFrom(...tableNames), anyText), columns: names }),
      { maxLength: 4 },
    );
    const migration = fc.oneof(
      fc.record({ from: fc.oneof(fc.nat(), anyValue), tables: names, columns }),
      anyValue,
    );
    await fc.assert(
      fc.asyncProperty(migration, async (value) => {
        const query = { last_pulled_at: lastPulledAt, migration: JSON.stringify(value) };
        const reply = await probe(() => device.pull(query));
        if (reply.status !== 200) return;
        for (const rows of Object.values(
          reply.body.changes as Record<string, { updated: { id: string }[] }>,
        )) {
          const ids = rows.updated.map((row) => row.id);
          expect(new Set(ids).size).toBe(ids.length);
        }
      }),
      RUNS,
    );
  });

  test('any headers', async () => {
    const names = fc.constantFrom(
      'authorization',
      'content-type',
      'content-encoding',
      'accept',
      'accept-encoding',
      'x-request-id',
      'x-forwarded-for',
      'if-none-match',
      'range',
      'origin',
      'cookie',
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, headerText), async (headers) => {
        await probe(() => device.request('GET', '/sync/pull', { headers }));
        await probe(() =>
          device.request('POST', '/sync/push', {
            headers,
            body: '{}',
            query: { last_pulled_at: lastPulledAt },
          }),
        );
      }),
      RUNS,
    );
  });

  test('any bodies and paths of the routes for devices and tokens', async () => {
    const body = fc.oneof(
      fc.json({ stringUnit: 'binary' }),
      fc
        .dictionary(
          fc.constantFrom('name', 'platform', 'pairing_code', 'refresh_token', '__proto__'),
          anyValue,
        )
        .map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(body, anyText, async (text, id) => {
        const path = `/auth/devices/${encodeURIComponent(id.toWellFormed())}`;
        await probe(() => send('POST', `${device.url}/api/v1/auth/devices`, { body: text }));
        await probe(() => send('POST', `${device.url}/api/v1/auth/token`, { body: text }));
        await probe(() => device.request('PATCH', path, { body: text }));
        await probe(() => device.request('DELETE', path));
        await probe(() => device.request('POST', '/auth/pairing-codes', { body: text }));
      }),
      RUNS,
    );
  });

  test('any path', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.webPath(),
        fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'),
        async (path, method) => {
          const reply = await send(method, `${device.url}/api/v1${path}`);
          expect(reply.status).toBeLessThan(500);
        },
      ),
      RUNS,
    );
  });
});
