import { gunzipSync } from 'node:zlib';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import {
  backgroundsIn,
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  release,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { request } from '../storage/requests.js';
import { expectWholeOffers, forEachStore, sha256 } from './stores.js';
import { World } from './world.js';

/** The answer with a document's download address, and the bytes at that address. */
async function fetchPacked(device: TestDevice, video: string): Promise<{ said: unknown; bytes: Buffer }> {
  const { status, body } = await device.request('GET', `${pathOf(video)}/download-url`);
  expect(status).toBe(200);
  const { url, expires_at: _, ...said } = body as { url: string; expires_at: number };
  const answer = await request(new URL(url));
  expect(answer.status).toBe(200);
  return { said, bytes: answer.body };
}

forEachStore((open) => {
  forEachDatabase((database) => {
    test('a document goes from lock to content, to the store, and back by a server with an empty disk', async () => {
      await using store = await open();
      await using world = await World.make(database, store.env);
      const laptop = await world.newDevice();
      const tablet = await laptop.pair({ name: 'Tablet' });
      const tab = (id: string) => ({ session_id: id });

      // One session holds the lock; another is refused, waits, or takes it over.
      const first = await hold(laptop, 'v1', { ...tab('tab-1'), reason: 'Cutting the intro' });
      const refused = await lock(tablet, 'v1');
      expectProblem(refused, 423, 'LOCK_HELD');
      expect(refused.body).toMatchObject({
        granted: false,
        lock_type: 'client',
        reason: 'Cutting the intro',
        holder: { device_id: laptop.deviceId },
        expires_at: world.clock.ms + 60_000,
      });
      const taken = await hold(tablet, 'v1', { take_over: true });
      expectProblem(await putContent(first, '0-0', packedLayout(['stale'])), 423, 'LOCK_REQUIRED');

      // Tabs of the same person take the lock from each other; late actions of the old tab have no effect.
      const back = await hold(laptop, 'v1', { ...tab('tab-1'), take_over: true });
      const second = await hold(laptop, 'v1', tab('tab-2'));
      const tokens = [first, taken, back, second].map(({ fencingToken }) => fencingToken);
      expect(tokens).toEqual([1, 2, 3, 4].map((grown) => tokens[0]! - 1 + grown));
      expectProblem(await putContent(back, '0-0', packedLayout(['stale'])), 423, 'LOCK_REQUIRED');
      expect((await release(back)).status).toBe(204);
      expectProblem(await release({ ...second, device: tablet }), 403, 'LOCK_OF_ANOTHER');
      expect((await documentState(tablet, 'v1')).lock).toMatchObject({
        holder: { device_id: laptop.deviceId },
        mine: false,
      });

      // The content is written completely, and the lock released.
      const content = packedLayout(['red', 'green'], 500_000);
      const written = await putContent(second, '0-0', content);
      expect(written.body).toMatchObject({ epoch: 1, server_version: 1, stored_version: null });
      expect((await release(second)).status).toBe(204);
      expect((await release(second)).status).toBe(204);
      expectProblem(await putContent(second, '1-1', content), 423, 'LOCK_REQUIRED');
      expect(await documentState(laptop, 'v1')).toEqual({ ...written.body, lock: null });

      // After a pause the document is uploaded.
      await world.pass(4.9);
      expect((await store.objects()).size).toBe(0);
      await world.pass(0.2);
      const stored = await documentState(laptop, 'v1');
      expect(stored).toMatchObject({
        stored_version: { epoch: 1, server_version: 1 },
        uploaded_at: world.clock.ms,
      });
      const { said, bytes } = await fetchPacked(laptop, 'v1');
      expect(said).toEqual({
        version: 1,
        epoch: 1,
        mark: stored.mark,
        sha256: sha256(bytes),
        size_bytes: bytes.length,
        content_encoding: 'gzip',
      });
      expect([...(await store.objects()).values()].map(sha256)).toEqual([sha256(bytes)]);

      // Another server, without the files, serves the same content and accepts the next write.
      await world.app.stop();
      moveTo(laptop, (await world.startElsewhere()).url);
      expect(await documentState(laptop, 'v1')).toEqual(stored);
      const again = await fetchPacked(laptop, 'v1');
      expect(again.said).toEqual(said);
      expect(sha256(again.bytes)).toBe(sha256(bytes));
      expect(backgroundsIn(gunzipSync(again.bytes))).toEqual(['red', 'green']);
      expect((await store.objects()).size).toBe(1);
      await write(laptop, 'v1', ['blue']);
      expect(await download(laptop, 'v1')).toEqual(['blue']);
      expect(await expectWholeOffers(laptop, ['v1'], store)).toEqual({ v1: [2, 1] });
    });
  });
});
