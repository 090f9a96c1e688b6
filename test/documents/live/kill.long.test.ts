import { Random } from '../../convergence/random.js';
import { forEachDatabase } from '../../support/app.js';
import { TestDevice } from '../../support/device.js';
import { documentState, hold } from '../../support/documents.js';
import { moveTo } from '../../support/exchange.js';
import { downloadLive, LiveClient } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { LiveReplica } from '../../support/live-replica.js';
import { startServer } from '../../support/server-process.js';
import { createStorage } from '../../support/storage.js';

const SEED = Number(process.env.SEED ?? 5);
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 3);

forEachDatabase((database) => {
  test(`what was answered survives a kill at any moment (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    const storage = await createStorage(database);
    try {
      let device: TestDevice | null = null;
      let client: LiveClient | null = null;
      let answered = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await using server = await startServer({ storage });
        if (device) moveTo(device, server.url);
        else {
          device = await TestDevice.register(server.url);
          await captions(device, 'v');
        }
        const { sessionId, fencingToken } = await hold(device, 'v', {}, 'captions');
        client ??= await LiveClient.open(device, 'v', { sessionId, fencingToken });
        client.session.fencingToken = fencingToken;
        const hello = await client.connect();
        expect(hello.server_version).toBeGreaterThanOrEqual(answered);
        await client.push();
        const dies = new Promise((resolve) => setTimeout(resolve, random.integer(0, 400))).then(() =>
          server.kill('SIGKILL'),
        );
        for (let edit = 0; edit < 500; edit++) {
          client.copy.run(`INSERT INTO cues (id, text) VALUES ('r${round}-${edit}', 'x')`);
          const answers = await client.push().catch(() => null); // no answer: the server is dead
          if (!answers) break;
          answered = answers.at(-1)!.server_version;
        }
        await dies;
      }
      await using server = await startServer({ storage });
      moveTo(device!, server.url);
      await client!.connect();
      await client!.push();
      const state = await documentState(device!, 'v', 'captions');
      expect(state.server_version).toBeGreaterThanOrEqual(answered);
      using copy = await LiveReplica.of((await downloadLive(device!, 'v')).database);
      const rows = 'SELECT id, text FROM cues ORDER BY id';
      expect(copy.all(rows)).toEqual(client!.copy.all(rows));
      client![Symbol.dispose]();
    } finally {
      await storage.dispose();
    }
  });

  test('a server that is told to end takes what it received, says so, and uploads it', async () => {
    const storage = await createStorage(database);
    try {
      const server = await startServer({ storage });
      const device = await TestDevice.register(server.url);
      const holding = await captions(device, 'v', { keepsLock: true });
      using client = await LiveClient.open(device, 'v', holding);
      await client.connect();
      let answered = 1;
      const exit = new Promise((resolve) => setTimeout(resolve, 100)).then(() => server.kill('SIGTERM'));
      for (let edit = 0; edit < 5_000; edit++) {
        client.copy.run(`UPDATE cues SET text = 'edit ${edit}'`);
        const answers = await client.push().catch(() => null);
        if (!answers || answers.at(-1)!.problem) break;
        answered = answers.at(-1)!.server_version;
      }
      expect(answered).toBeGreaterThan(1);
      expect(await client.socket!.closed()).toMatchObject({ code: 'SHUTTING_DOWN' });
      expect(await exit).toMatchObject({ code: 0 });
      await using next = await startServer({ storage });
      moveTo(device, next.url);
      const { server_version, stored_version } = await documentState(device, 'v', 'captions');
      expect(server_version).toBeGreaterThanOrEqual(answered);
      expect(stored_version).toMatchObject({ epoch: 1, server_version });
      await client.connect();
      expect(await client.push()).toBeDefined();
    } finally {
      await storage.dispose();
    }
  });
});
