import { clockOf, expectProblem, pull } from '../support/exchange.js';
import { creating, evening, games } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** Bodies so large that they are parsed in pieces. */
describe('large bodies', () => {
  const app = shareApp('sqlite');
  const many = <T>(length: number, make: (index: number) => T) =>
    Array.from({ length }, (_, index) => make(index));

  test('a large body is read as a small one is, wherever it is cut for reading', async () => {
    const device = await app().newDevice();
    const rows = { ...evening('e'), games: many(8_000, (n) => ({ id: `g${n}`, name: `é"\\,[]{}🙂 ${n}` })) };
    for (const space of [0, 2]) {
      const body = JSON.stringify(
        { last_pulled_at: await clockOf(device), changes: creating(rows) },
        null,
        space,
      );
      expect(body.length).toBeGreaterThan(262_144);
      expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
    }
    const names = (await pull(device)).changes.games!.updated.map(({ id, name }) => [id, name]).sort();
    expect(names).toEqual(rows.games.map(({ id, name }) => [id, name]).sort());
  });

  test.each([
    ['a comma too many', (text: string) => text.replace('},{', '},,{')],
    ['a comma too few', (text: string) => text.replace('},{', '}{')],
    ['a comma at the end', (text: string) => text.replace('}],', '},],')],
    ['a wrong bracket', (text: string) => text.replace('}],', '}},')],
    ['no end', (text: string) => text.slice(0, -1)],
    ['something after its end', (text: string) => `${text}x`],
    ['something before its begin', (text: string) => `x${text}`],
    ['a second one after it', (text: string) => text + text],
    ['a key without quotes', (text: string) => text.replace('"updated"', 'updated')],
    ['a key without a value', (text: string) => text.replace('"created":', '"created":,"x":')],
    ['a value before its list', (text: string) => text.replace('"created":', '"created":1')],
    ['a string without an end', (text: string) => text.replace('"deleted"', '"deleted')],
  ])('a large body with %s is refused with 400', async (_name, spoil) => {
    const device = await app().newDevice();
    const text = JSON.stringify(creating({ games: games(8_000) }));
    const query = { last_pulled_at: await clockOf(device) };
    for (const body of [spoil(text), spoil(text.replaceAll('},{', '}, {').replace('}, {', '},{'))])
      expectProblem(await device.request('POST', '/sync/push', { query, body }), 400, 'BAD_REQUEST');
    expect((await pull(device)).changes.games!.updated).toEqual([]);
  });

  const members = (length: number) => many(length, (n) => `"${n.toString(36)}_":0`).join();

  test.each([
    ['at the top', `{${members(150_000)}}`],
    ['of the changes', `{"changes":{${members(150_000)}}}`],
    ['of a table', `{"changes":{"games":{${members(150_000)}}}}`],
    ['of a row', `{"changes":{"games":{"created":[{"id":"g1",${members(150_000)}}]}}}`],
    ['of a row of an unknown table', `{"changes":{"boats":{"created":[{"id":"g1",${members(150_000)}}]}}}`],
    ['of a value', `{"changes":{"games":{"created":[{"id":"g1","name":{${members(150_000)}}}]}}}`],
  ])(
    'an object %s with more members than anything needs is refused, and the answer says why',
    async (_name, body) => {
      const device = await app().newDevice();
      const query = { last_pulled_at: await clockOf(device) };
      const reply = await device.request('POST', '/sync/push', { query, body });
      expectProblem(reply, 413, 'BODY_TOO_LARGE');
      expect(reply.body.detail).toContain('members at most in one object');
    },
  );

  test('a row with more members than a table may have columns is refused', async () => {
    const device = await app().newDevice();
    const query = { last_pulled_at: await clockOf(device) };
    const body = `{"games":{"created":[{"id":"g1",${members(15_000)}}]}}`;
    const reply = await device.request('POST', '/sync/push', { query, body });
    expectProblem(reply, 400, 'BAD_REQUEST');
    expect(reply.body.detail).toContain('members');
  });

  test.each([
    ['arrays', `{"games":{"created":[{"id":"g1","name":${'['.repeat(150_000)}${']'.repeat(150_000)}}]}}`],
    ['objects', `{"changes":${'{"a":'.repeat(150_000)}0${'}'.repeat(150_000)}}`],
  ])('%s that are nested very deeply are refused', async (_name, body) => {
    const device = await app().newDevice();
    const query = { last_pulled_at: await clockOf(device) };
    const reply = await device.request('POST', '/sync/push', { query, body });
    expectProblem(reply, 400, 'BAD_REQUEST');
    expect(reply.body.detail).toContain('nested too deeply');
  });

  const LONG = 'a'.repeat(300_000);
  test.each([
    ['as the id of a row', `{"games":{"created":[{"id":"${LONG}"}]}}`],
    ['as the id of a row of an unknown table', `{"boats":{"updated":[{"id":"${LONG}"}]}}`],
    ['as a deleted id of an unknown table', `{"boats":{"deleted":["${LONG}"]}}`],
    ['as the name of a list', `{"games":{"${LONG}":[]}}`],
    ['as the name of a table', `{"${LONG}":{}}`],
    ['as the history', `{"changes":{},"history_id":"${LONG}"}`],
    ['as the checkpoint', `{"changes":{},"checkpoint":"${LONG}"}`],
    ['as the schema version', `{"changes":{},"schema_version":"${LONG}"}`],
  ])('a text of hundreds of kilobytes %s is refused and not repeated', async (_name, body) => {
    const device = await app().newDevice();
    const query = { last_pulled_at: await clockOf(device) };
    const reply = await device.request('POST', '/sync/push', { query, body });
    expect([400, 409]).toContain(reply.status);
    expect(JSON.stringify(reply.body).length).toBeLessThan(2_000);
  });
});
