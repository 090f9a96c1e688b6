import { Batcher } from '../../src/foundation/flow/batcher.js';
import { Database } from '../../src/foundation/database/database.js';
import { Lookup } from '../../src/foundation/database/lookup.js';
import { forEachDatabase } from '../support/app.js';
import { shareApp } from '../support/shared-app.js';

const INSERT = 'INSERT INTO pairing_codes (code_hash, account_id, expires_at) VALUES ($1, $2, $3)';
let names = 0;

/** A name that no other test uses. */
const newName = () => `together-${process.pid}-${(names += 1)}`;

forEachDatabase((database) => {
  const app = shareApp(database);
  const databaseOf = () => app().nest.get(Database);

  test('writes that are asked for at once are all there when they resolve, and one that fails spoils none', async () => {
    const account = newName();
    const codes = Array.from({ length: 40 }, (_, n) => `${account}-${n % 39}`);
    const outcomes = await Promise.allSettled(
      codes.map((code) => databaseOf().write(INSERT, [code, account, 1])),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    const rows = await databaseOf().query('SELECT code_hash FROM pairing_codes WHERE account_id = $1', [
      account,
    ]);
    expect(rows).toHaveLength(39);
  });

  test('a snapshot that cannot be ended in order leaves its place to others', async () => {
    for (let n = 0; n < databaseOf().maxSnapshots; n++) {
      const snapshot = await databaseOf().openSnapshot();
      await snapshot.query('ROLLBACK'); // as SQLite itself does after some errors
      await snapshot.close();
    }
    const snapshot = await databaseOf().openSnapshot();
    expect(await snapshot.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await snapshot.close();
  });

  test('rows that are looked up at once are each as committed when asked', async () => {
    const account = newName();
    const codes = new Lookup<{ expiresAt: number }>(
      databaseOf(),
      2,
      (owner, code) =>
        `SELECT expires_at AS "expiresAt" FROM pairing_codes WHERE account_id = ${owner} AND code_hash = ${code}`,
    );
    const find = (n: number) => codes.find(account, `${account}-${n}`);
    expect(await find(1)).toBeNull();
    for (const n of [1, 2, 3]) await databaseOf().write(INSERT, [`${account}-${n}`, account, n]);
    const asked = [3, 1, 4, 1, 2];
    expect(await Promise.all(asked.map(find))).toEqual(
      [3, 1, 4, 1, 2].map((n) => (n === 4 ? null : { expiresAt: n })),
    );
    await databaseOf().write('UPDATE pairing_codes SET expires_at = 9 WHERE account_id = $1', [account]);
    expect(await Promise.all(asked.map(find))).toEqual(asked.map((n) => (n === 4 ? null : { expiresAt: 9 })));
  });
});

test('what is asked while a batch is under way makes the next one, and a batch that fails tells everyone in it', async () => {
  const seen: number[][] = [];
  const batches = new Batcher(async (questions: number[]) => {
    seen.push(questions);
    await new Promise(setImmediate);
    if (questions.includes(13)) throw new Error('unlucky');
    return questions.map((question) => question * 2);
  });
  const first = Promise.all([1, 2].map((question) => batches.ask(question)));
  while (seen.length === 0) await new Promise(setImmediate);
  const second = Promise.allSettled([13, 4].map((question) => batches.ask(question)));
  expect(await first).toEqual([2, 4]);
  expect((await second).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await batches.ask(5)).toBe(10);
  expect(seen).toEqual([[1, 2], [13, 4], [5]]);
});
