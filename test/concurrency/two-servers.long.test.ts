import { difference, firstPull, through } from '../convergence/replica.js';
import { TestDevice } from '../support/device.js';
import { creating, evening } from '../support/records.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { family, runCrowd } from './crowd.js';
import { expectNothingSkipped, expectOneWinnerEach } from './expectations.js';

// Two server processes on one PostgreSQL: only the account's clock row orders their pushes.
describe('two servers on one PostgreSQL', () => {
  let storage: Storage;
  let servers: ServerProcess[] = [];

  beforeEach(async () => {
    storage = await createStorage('postgres');
    // Both start at the same time on an empty database: one migrates, the other waits for it.
    servers = await Promise.all(
      [0, 1].map(() => startServer({ storage, env: { MAX_DEVICES_PER_ACCOUNT: '30' } })),
    );
  });

  afterEach(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await storage.dispose();
  });

  const urls = (): string[] => servers.map((server) => server.url);

  test('start at once on an empty database and serve the same accounts', async () => {
    const [here, there] = urls() as [string, string];
    const phone = await TestDevice.register(here);
    const { timestamp } = await firstPull(phone);
    expect(await through(phone, there).push(creating(evening('e')), timestamp)).toMatchObject({
      status: 200,
    });
    const seen = await firstPull(phone);
    expect(difference(evening('e'), seen.rows)).toBeUndefined();
    expect(await firstPull(through(phone, there))).toEqual(seen);
  });

  test('200 pushes from 20 devices at once: no pull steps over any of them', async () => {
    const devices = await family(await TestDevice.register(urls()[0] as string), 23);
    const report = await runCrowd(devices.slice(0, 20), devices.slice(20), urls(), 10);
    expectNothingSkipped(report, 200);
  });

  test('of 20 devices that push the same record at once exactly one wins', async () => {
    const devices = await family(await TestDevice.register(urls()[0] as string), 20);
    await expectOneWinnerEach(devices, urls(), 3);
  });
});
