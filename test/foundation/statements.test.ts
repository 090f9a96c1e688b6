import BetterSqlite from 'better-sqlite3';
import { Database } from '../../src/foundation/database/database.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { clockOf, pull } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';
import { around } from '../uploads/hold-back.js';

/** Whether a statement is for one account, and not part of the server's periodic work. */
const isOfAccount = (sql: string) => /account_id = \$1/.test(sql);

forEachDatabase((database) => {
  const app = shareApp(database);

  test('what a client chooses is bound: it does not make further statements to be kept prepared', async () => {
    const device = await app().newDevice();
    const since = await clockOf(device);
    const connection = app().nest.get(Database);
    let texts = new Set<string>();
    const undo = [
      around(connection, 'query', (query) => (sql, params) => {
        texts.add(sql);
        return query(sql, params);
      }),
      around(connection, 'openSnapshot', (open) => async () => {
        const snapshot = await open();
        return {
          ...snapshot,
          query: (sql, params) => {
            texts.add(sql);
            return snapshot.query(sql, params);
          },
        };
      }),
    ];
    const textsOf = async (limit: number, columns: string[]) => {
      texts = new Set();
      await device.request('GET', '/documents', { query: { limit } });
      const migration = JSON.stringify({ from: 1, tables: [], columns: [{ table: 'games', columns }] });
      await pull(device, since, { schema_version: 1, migration });
      return [...texts].filter(isOfAccount).sort();
    };
    try {
      const first = await textsOf(1, ['name']);
      expect(first.join()).toMatch(/FROM documents .*FROM "games"/s);
      expect(await textsOf(2, ['target_score', 'name'])).toEqual(first);
    } finally {
      for (const takeAway of undo) takeAway();
    }
  });
});

test('on sqlite, a statement is kept prepared however many others were before', async () => {
  await using app = await startApp('sqlite');
  const database = app.nest.get(Database);
  for (let n = 0; n < 600; n++) await database.query(`SELECT ${n}`);
  const prepare = jest.spyOn(BetterSqlite.prototype, 'prepare');
  try {
    for (let times = 0; times < 3; times++) await database.query('SELECT 1 AS again');
    expect(prepare.mock.calls.filter(([sql]) => sql === 'SELECT 1 AS again')).toHaveLength(1);
  } finally {
    prepare.mockRestore();
  }
});
