import { startApp } from '../../support/app.js';
import { until } from '../../support/exchange.js';
import { LiveClient, LiveSocket, liveUrl } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';

test('a client that pings but answers no changes is cut off after 30 s, and costs nobody anything', async () => {
  await using app = await startApp('sqlite');
  const device = await app.newDevice();
  const holding = await captions(device, 'v', { keepsLock: true });
  using holder = await LiveClient.open(device, 'v', holding);
  using watcher = await LiveClient.open(device, 'v');
  await holder.connect();
  using deaf = new LiveSocket(liveUrl(device.url, 'v'), watcher.auth);
  await deaf.next('hello');
  for (let edit = 0; edit < 50; edit++) await holder.edit(`UPDATE cues SET text = 'edit ${edit}'`);
  const pinged = await until(
    () => deaf.ask('ping', { n: 1 }).catch(() => null),
    (pong) => pong === null,
    60_000,
  );
  expect(pinged).toBeNull();
  await deaf.ended();
  expect(deaf.heard.filter(({ name }) => name === 'changes')).toHaveLength(2);
  expect(await holder.edit(`UPDATE cues SET text = 'last'`)).toMatchObject({ server_version: 52 });
});
