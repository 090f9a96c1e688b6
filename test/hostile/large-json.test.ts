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
});
