import { forEachDatabase, startApp } from '../support/app.js';
import { findRow, moveTo } from '../support/exchange.js';
import { game } from '../support/records.js';
import { createStorage } from '../support/storage.js';
import { stopDuringPush } from './stopping.js';

forEachDatabase((database) => {
  test('SIGTERM: ready turns 503, the running push finishes, new requests are refused, exit 0', async () => {
    const storage = await createStorage(database);
    try {
      const device = await stopDuringPush(storage, 'SIGTERM');
      await using again = await startApp(database, { storage });
      moveTo(device, again.url);
      expect(await findRow(device, 'games', 'g1')).toEqual(game('g1'));
    } finally {
      await storage.dispose();
    }
  });
});
