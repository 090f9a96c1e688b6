import { forEachDatabase, startApp } from '../support/app.js';
import { family, runCrowd } from './crowd.js';
import { expectNothingSkipped, expectOneWinnerEach } from './expectations.js';

forEachDatabase((database) => {
  test('200 pushes from 20 devices at once: no pull steps over any of them', async () => {
    await using app = await startApp(database, { env: { MAX_DEVICES_PER_ACCOUNT: '30' } });
    const devices = await family(await app.newDevice(), 23);
    const report = await runCrowd(devices.slice(0, 20), devices.slice(20), [app.url], 10);
    expectNothingSkipped(report, 200);
  });

  test('of 20 devices that push the same record at once exactly one wins', async () => {
    await using app = await startApp(database, { env: { MAX_DEVICES_PER_ACCOUNT: '30' } });
    const devices = await family(await app.newDevice(), 20);
    await expectOneWinnerEach(devices, [app.url], 3);
  });
});
