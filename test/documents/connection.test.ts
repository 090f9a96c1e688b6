import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SqliteWorkers } from '../../src/documents/engine/sqlite-workers.js';
import { forEachDatabase } from '../support/app.js';
import { hold, packedLayout, putContent } from '../support/documents.js';
import { until } from '../support/exchange.js';
import { holdNext } from '../uploads/hold-back.js';
import { World } from '../uploads/world.js';

forEachDatabase((database) => {
  test('a content that has come in whole may take its time: its connection is not cut off', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const holding = await hold(laptop, 'v1');
    const sockets: Socket[] = [];
    const server = world.app.nest.getHttpServer() as Server;
    server.on('request', ({ method, socket }) => method === 'PUT' && sockets.push(socket));
    const importing = holdNext(world.app.nest.get(SqliteWorkers), 'importDatabase', 'before');
    const writing = putContent(holding, '0-0', packedLayout(['red']));
    await importing.reached;
    await until(
      () => sockets[0]?.timeout,
      (timeoutMs) => timeoutMs === 0,
      3_000,
    ).finally(importing.goOn);
    expect((await writing).status).toBe(200);
  });
});
