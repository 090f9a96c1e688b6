import { Cluster } from '../../../src/foundation/sockets/cluster.js';
import { startApp } from '../../support/app.js';
import { TestSocket } from '../../support/socket.js';

test('10,000 refused handshakes leave no namespace', async () => {
  await using app = await startApp('sqlite');
  const device = await app.newDevice();
  const io = (app.nest.get(Cluster) as unknown as { io: { _nsps: Map<string, unknown> } }).io;
  using socket = await TestSocket.connect(device);
  for (let round = 0; round < 100; round++) {
    const refused = Array.from({ length: 100 }, (_, at) => {
      const namespace = socket.client.io.socket(`/videos/${round}-${at}/sync/captions`, { auth: {} });
      return new Promise((resolve) => namespace.once('connect_error', resolve));
    });
    await Promise.all(refused);
  }
  expect([...io._nsps.keys()]).toEqual(['/']);
});
