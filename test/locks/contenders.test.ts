import { startApp, type TestApp } from '../support/app.js';
import { locksOf, newDocument, person, request } from './support.js';

const CONTENDERS = 20;

describe('20 contenders for one lock, over two servers on one PostgreSQL', () => {
  let here: TestApp;
  let there: TestApp;
  beforeAll(async () => {
    here = await startApp('postgres');
    there = await startApp('postgres', { storage: here.storage });
  });
  afterAll(async () => {
    await there.close();
    await here.close();
  });

  const serverOf = (index: number) => (index % 2 === 0 ? here : there);

  test('of all who ask for a free lock at the same moment exactly one gets it, round after round', async () => {
    const users = Array.from({ length: CONTENDERS }, (_, index) => person(`user-${index}`));
    for (let round = 0; round < 3; round++) {
      const document = newDocument();
      const outcomes = await Promise.allSettled(
        users.map((user, index) => locksOf(serverOf(index)).acquire(document, request(user))),
      );
      const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      expect(locks).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'LOCK_HELD' });
      }
      expect(await locksOf(here).find(document)).toEqual(locks[0]);
    }
  });
});
