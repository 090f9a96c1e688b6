import { forEachDatabase, startApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { getAsOperator } from '../support/operator.js';
import { download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { startServer } from '../support/server-process.js';
import { isSound, objectsIn, storeIn, useStore, type UploadsHealth } from './world.js';

/** More documents than `UPLOADS_AT_ONCE`. */
const videos = Array.from({ length: 6 }, (_, index) => `v${index}`);

forEachDatabase((database) => {
  const place = useStore(database);

  test('SIGTERM uploads all that is pending before the end', async () => {
    const { storage, folder } = place();
    await using server = await startServer({ storage, env: storeIn(folder) });
    const laptop = await TestDevice.register(server.url);
    for (const video of videos) await write(laptop, video, [video]);
    expect(objectsIn(folder)).toEqual([]);
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const keys = objectsIn(folder);
    expect(keys.map((key) => key.split('/')[2]).sort()).toEqual([...videos].sort());
    expect(keys.filter((key) => !isSound(folder, key))).toEqual([]);

    await using again = await startApp(database, { storage, env: storeIn(folder) });
    moveTo(laptop, again.url);
    expect(((await getAsOperator(`${again.url}/health`)).body as UploadsHealth).uploads.pending).toBe(0);
    for (const video of videos) expect(await download(laptop, video)).toEqual([video]);
    expect(objectsIn(folder)).toHaveLength(videos.length);
  });
});
