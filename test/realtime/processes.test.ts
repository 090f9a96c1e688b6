import { forEachDatabase } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { startServer } from '../support/server-process.js';
import { TestSocket } from '../support/socket.js';
import { createStorage } from '../support/storage.js';

forEachDatabase((database) => {
  test('SIGTERM tells every client and does not wait for them', async () => {
    const storage = await createStorage(database);
    try {
      await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '3600' } });
      using socket = await TestSocket.connect(await TestDevice.register(server.url));
      const exit = server.kill('SIGTERM');
      expect(await socket.closed()).toMatchObject({ status: 503, code: 'SHUTTING_DOWN', retry_after: 5 });
      // If the deadline had ended it, the exit code would not be 0.
      expect(await exit).toEqual({ code: 0, signal: null });
    } finally {
      await storage.dispose();
    }
  });
});
