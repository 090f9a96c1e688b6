import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { Random } from '../convergence/random.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { send, TestDevice } from '../support/device.js';
import { documentState, download, hold, packedLayout, pathOf, putContent } from '../support/documents.js';
import { moveTo, until } from '../support/exchange.js';
import { startServer } from '../support/server-process.js';
import type { Storage } from '../support/storage.js';
import { filesIn, isSound, objectsIn, storeIn, useStore, type UploadsHealth } from './world.js';

const SEED = Number(process.env.SEED ?? 4);
const VIDEOS = ['v0', 'v1', 'v2'];

/** What can be seen of an upload from outside, step by step. */
const moments: Record<string, (place: Place) => boolean> = {
  'while the snapshot is taken': ({ data }) => incomingFiles(data).length > 0,
  'while it is packed': ({ folder }) => filesIn(join(folder, '+unfinished')).length > 0,
  'when the object has its name': ({ folder, objects }) => objectsIn(folder).length > objects,
  'when all objects have their names': ({ folder, objects }) =>
    objectsIn(folder).length >= objects + VIDEOS.length,
};

interface Place {
  data: string;
  folder: string;
  /** How many there were before. */
  objects: number;
}

const incomingFiles = (data: string) =>
  filesIn(join(data, 'documents')).filter((path) => path.includes('incoming'));

/** The versions that are offered, each with the object that must be behind it. */
async function checkOffers(device: TestDevice, folder: string): Promise<void> {
  const bySha = new Map(
    objectsIn(folder).map((key) => [
      createHash('sha256')
        .update(readFileSync(join(folder, key)))
        .digest('hex'),
      key,
    ]),
  );
  for (const video of VIDEOS) {
    const reply = await device.request('GET', `${pathOf(video)}/versions`);
    expect(reply.status).toBe(200);
    for (const { sha256, epoch } of reply.body.versions as { sha256: string; epoch: number }[]) {
      const key = bySha.get(sha256);
      expect([video, epoch, key && isSound(folder, key)]).toEqual([video, epoch, true]);
    }
  }
}

forEachDatabase((database) => {
  const place = useStore(database);
  let storage: Storage;
  let folder: string;
  beforeEach(() => {
    ({ storage, folder } = place());
  });

  test(`a server killed at any moment of an upload loses nothing and offers nothing broken (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    const env = { ...storeIn(folder), UPLOAD_IDLE_MINUTES: '0', UPLOADS_AT_ONCE: '3' };
    const data = storage.env.DATA_DIR!;
    let server = await startServer({ storage, env });
    try {
      const laptop = await TestDevice.register(server.url);
      const written = new Map<string, string>();
      const rounds = [...Object.entries(moments), ...Object.entries(moments).slice(0, 2)];
      for (const [round, [moment, isReached]] of rounds.entries()) {
        for (const video of VIDEOS) {
          const holding = await hold(laptop, video);
          const { epoch, server_version } = await documentState(laptop, video);
          const background = `${moment} ${round}`;
          const body = packedLayout([background], random.integer(0, 3) * 400_000);
          const reply = await putContent(holding, `${epoch}-${server_version}`, body);
          expect(reply.status).toBe(200);
          written.set(video, background);
        }
        const place = { data, folder, objects: objectsIn(folder).length };
        const asked = VIDEOS.map((video) =>
          laptop.request('GET', `${pathOf(video)}/download-url`).catch(() => undefined),
        );
        const deadline = Date.now() + 10_000;
        while (!isReached(place) && Date.now() < deadline) await new Promise(setImmediate);
        await delay(random.integer(0, 12));
        await server.kill('SIGKILL');
        await Promise.all(asked);
        server = await startServer({ storage, env });
        moveTo(laptop, server.url);
        await checkOffers(laptop, folder);
      }
      // On PostgreSQL the killed owner keeps its lease for a minute: whoever asks takes over.
      if (database === 'sqlite') {
        await until(
          () => send('GET', `${server.url}/health`),
          ({ body }) => (body as UploadsHealth).uploads.pending === 0,
        );
      }
      for (const video of VIDEOS) expect(await download(laptop, video)).toEqual([written.get(video)]);
      await checkOffers(laptop, folder);
      expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });

      // What the broken uploads left goes after an hour.
      await using later = await startApp(database, {
        storage,
        env,
        now: () => Date.now() + 2 * 3_600_000,
      });
      await later.nest.get(UploadSchedule).tick();
      moveTo(laptop, later.url);
      const replies = await Promise.all(
        VIDEOS.map((video) => laptop.request('GET', `${pathOf(video)}/versions`)),
      );
      const offered = replies.reduce((sum, { body }) => sum + (body.versions as unknown[]).length, 0);
      expect(objectsIn(folder)).toHaveLength(offered);
      expect(incomingFiles(data)).toEqual([]);
    } finally {
      await server.kill('SIGKILL');
    }
  }, 180_000);
});
