import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { backgroundsIn, documentState, download, pathOf, write } from '../support/documents.js';
import { describeWithObjectStore } from '../support/object-store.js';
import { TestClock } from '../support/shared-app.js';

const ACCESS_TOKEN_TTL_SECONDS = '31536000';

describeWithObjectStore('with a real S3 store', (startStore) => {
  forEachDatabase((database) => {
    test('what is written is uploaded by the schedule or by whoever asks first, and old versions go', async () => {
      const store = await startStore();
      try {
        // The store checks signatures by its own clock.
        const clock = new TestClock(Date.now());
        await using app = await startApp(database, {
          now: clock.now,
          env: { ...store.env, ACCESS_TOKEN_TTL_SECONDS, UPLOAD_IDLE_MINUTES: '0' },
        });
        const laptop = await app.newDevice();
        const schedule = app.nest.get(UploadSchedule);
        for (let epoch = 1; epoch <= 12; epoch += 1) {
          await write(laptop, 'v1', [`epoch ${epoch}`]);
          if (epoch % 2) await schedule.tick();
          else expect(await download(laptop, 'v1')).toEqual([`epoch ${epoch}`]);
        }
        expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({
          epoch: 12,
          server_version: 1,
        });
        const first = await laptop.request('GET', `${pathOf('v1')}/download-url`);
        clock.ms += 301_000;
        await schedule.tick();
        const answer = await fetch(first.body.url as string);
        expect(answer.status).toBe(200);
        expect(backgroundsIn(new Uint8Array(await answer.arrayBuffer()))).toEqual(['epoch 12']);
        const { body } = await laptop.request('GET', `${pathOf('v1')}/versions`);
        expect((body as { versions: unknown[] }).versions).toHaveLength(10);
      } finally {
        await store.dispose();
      }
    });
  });
});
