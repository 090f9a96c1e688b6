import { startApp, type TestApp } from '../support/app.js';
import { expectOneWinnerEach } from './support.js';

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

  test('of all who ask for a free lock at the same moment exactly one gets it, round after round', () =>
    expectOneWinnerEach(3, CONTENDERS, serverOf));
});
