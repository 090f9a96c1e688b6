import { forEachDatabase } from '../support/app.js';
import { shareApp } from '../support/shared-app.js';
import { expectLargePull, expectLargePush } from './large-account.js';

const ROWS = 20_000;

forEachDatabase((database) => {
  const app = shareApp(database);

  test('20,000 records go in one push and come in one answer, and other accounts are served meanwhile', async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    await expectLargePush(device, ROWS, other);
    await expectLargePull(device, ROWS, other);
  });
});
