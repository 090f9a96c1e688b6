import { once } from 'node:events';
import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { forEachDatabase } from '../support/app.js';
import { shareAwakeTime } from '../support/awake-time.js';
import { send, TestDevice } from '../support/device.js';
import { getAsOperator } from '../support/operator.js';
import { backgroundsIn, documentState, hold, packedLayout, pathOf, write } from '../support/documents.js';
import { moveTo, until } from '../support/exchange.js';
import { startServer } from '../support/server-process.js';
import type { Storage } from '../support/storage.js';
import { isSound, objectsIn, storeIn, useStore, type UploadsHealth } from './world.js';

const awakeMs = shareAwakeTime();
const videos = Array.from({ length: 20 }, (_, index) => `v${index}`);

/** A store that accepts connections and never answers. */
async function startSilentStore(): Promise<AsyncDisposable & { env: Record<string, string> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      STORAGE_URL: `s3://bucket/prefix?endpoint=http://127.0.0.1:${port}&region=us-east-1`,
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

forEachDatabase((database) => {
  const place = useStore(database);
  let storage: Storage;
  let folder: string;
  beforeEach(() => {
    ({ storage, folder } = place());
  });

  test('what a request writes while the server stops is uploaded too', async () => {
    await using server = await startServer({ storage, env: storeIn(folder) });
    const laptop = await TestDevice.register(server.url);
    const { sessionId, fencingToken } = await hold(laptop, 'v1');
    const body = packedLayout(['late']);
    const call = request(
      `${server.url}/api/v1${pathOf('v1')}/content?session_id=${sessionId}&fencing_token=${fencingToken}`,
      {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${laptop.accessToken}`,
          'content-type': 'application/gzip',
          'content-length': body.length,
          'if-match': '"0-0"',
          expect: '100-continue',
        },
      },
    );
    const answer = once(call, 'response') as Promise<[IncomingMessage]>;
    call.flushHeaders();
    await once(call, 'continue');
    call.write(body.subarray(0, 10));
    const exit = server.kill('SIGTERM');
    await until(
      () => send('GET', `${server.url}/health/ready`),
      ({ status }) => status === 503,
    );
    call.end(body.subarray(10));
    expect((await answer)[0].resume().statusCode).toBe(200);
    expect(await exit).toEqual({ code: 0, signal: null });
    const [key = ''] = objectsIn(folder);
    expect(backgroundsIn(readFileSync(join(folder, key)))).toEqual(['late']);
  });

  test('a store that does not answer holds the end up no longer than the deadline, and what is pending stays due', async () => {
    await using store = await startSilentStore();
    const env = { ...store.env, SHUTDOWN_DEADLINE_SECONDS: '2' };
    await using server = await startServer({ storage, env });
    const laptop = await TestDevice.register(server.url);
    for (const video of videos) await write(laptop, video, [video]);
    const startedAt = awakeMs();
    // The store never answers, so only the deadline can end the upload.
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(awakeMs() - startedAt).toBeGreaterThan(1_800);
    expect(awakeMs() - startedAt).toBeLessThan(20_000);
    expect(server.output()).toContain('20 documents are not uploaded; they stay due');

    await using again = await startServer({ storage, env: storeIn(folder) });
    moveTo(laptop, again.url);
    expect(((await getAsOperator(`${again.url}/health`)).body as UploadsHealth).uploads.pending).toBe(20);
    expect(await again.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(objectsIn(folder)).toHaveLength(20);
  });

  test('a second signal ends the process at once', async () => {
    await using store = await startSilentStore();
    await using server = await startServer({
      storage,
      env: { ...store.env, SHUTDOWN_DEADLINE_SECONDS: '60' },
    });
    const laptop = await TestDevice.register(server.url);
    await write(laptop, 'v1', ['red']);
    void server.kill('SIGTERM');
    await until(
      () => send('GET', `${server.url}/health/ready`),
      ({ status }) => status === 503,
    );
    expect(await server.kill('SIGTERM')).toEqual({ code: 143, signal: null });
  });

  test('what could not be uploaded at the end is free for the next process, without waiting for a lease to run out', async () => {
    const env = { ...storeIn(folder), UPLOAD_IDLE_MINUTES: '0' };
    await using server = await startServer({ storage, env });
    const laptop = await TestDevice.register(server.url);
    await write(laptop, 'v1', ['red']);
    rmSync(folder, { recursive: true });
    symlinkSync(folder, folder);
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    rmSync(folder);
    await using again = await startServer({ storage, env });
    moveTo(laptop, again.url);
    expect((await documentState(laptop, 'v1')).upload_failures).toBeGreaterThan(0);
    expect(await again.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const [key = ''] = objectsIn(folder);
    expect(isSound(folder, key)).toBe(true);
  });
});
