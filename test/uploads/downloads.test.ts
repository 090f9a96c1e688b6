import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { forEachDatabase } from '../support/app.js';
import { type TestDevice } from '../support/device.js';
import { backgroundsIn, documentState, download, pathOf, write } from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { request } from '../storage/requests.js';
import { World } from './world.js';

const url = `${pathOf('v1')}/download-url`;

forEachDatabase((database) => {
  test('a download is what was written a moment ago, whatever was uploaded last', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const phone = await laptop.pair();
    await write(laptop, 'v1', ['red']);
    expect(await download(phone, 'v1')).toEqual(['red']);
    await write(laptop, 'v1', ['green', 'blue']);
    expect(await download(phone, 'v1')).toEqual(['green', 'blue']);
    expect(await documentState(phone, 'v1')).toMatchObject({
      epoch: 2,
      stored_version: { epoch: 2, server_version: 1 },
    });
  });

  test('the address comes with what the object is', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    const reply = await laptop.request('GET', url);
    expect(reply.status).toBe(200);
    const bytes = (await request(new URL(reply.body.url as string))).body;
    expect(reply.body).toEqual({
      url: expect.stringMatching(/^http/) as string,
      expires_at: world.clock.ms + 300_000,
      version: 1,
      epoch: 1,
      mark: expect.any(String) as string,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      size_bytes: bytes.length,
      content_encoding: 'gzip',
    });
    expect(backgroundsIn(gunzipSync(bytes))).toEqual(['red']);
  });

  test('many who ask at the same time share one upload', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    const replies = await Promise.all(Array.from({ length: 20 }, () => laptop.request('GET', url)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(replies.map(({ body }) => body.sha256 as string)).size).toBe(1);
    expect(world.objects()).toHaveLength(1);
    expect(await world.query('SELECT object_key FROM document_versions')).toHaveLength(1);
  });

  test('asking while others write never gives less than what was there when asking', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['0']);
    let written = 0;
    const writing = (async () => {
      for (let n = 1; n <= 8; n += 1) {
        await write(laptop, 'v1', [String(n)]);
        written = n;
      }
    })();
    const reading = Array.from({ length: 3 }, async () => {
      while (written < 8) {
        const before = written;
        const [background] = await download(laptop, 'v1');
        expect(Number(background)).toBeGreaterThanOrEqual(before);
      }
    });
    await Promise.all([writing, ...reading]);
    expect(await download(laptop, 'v1')).toEqual(['8']);
  });

  test('there is no address for a document that does not exist, a kind that does not, or an odd id', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const stranger = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    expectProblem(await stranger.request('GET', url), 404, 'NOT_FOUND');
    expectProblem(await laptop.request('GET', `${pathOf('v2')}/download-url`), 404, 'NOT_FOUND');
    expectProblem(await laptop.request('GET', `${pathOf('v1', 'sound')}/download-url`), 404, 'NOT_FOUND');
    expectProblem(await laptop.request('GET', `${pathOf('a%2F..')}/download-url`), 400, 'BAD_REQUEST');
    expectProblem(
      await laptop.request('GET', url, { headers: { authorization: 'Bearer x' } }),
      401,
      'TOKEN_INVALID',
    );
  });

  test('while the store is away an upload cannot come first, which is said; what is written stays', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    world.loseStore();
    const refused = await laptop.request('GET', url);
    expectProblem(refused, 503, 'STORAGE_UNAVAILABLE');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.body.retry_after).toBeGreaterThan(0);
    expect(JSON.stringify(refused.body)).not.toContain(world.folder);
    expect(JSON.stringify(await world.health())).not.toContain(world.folder);
    world.returnStore();
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });

  test('on PostgreSQL any process uploads what another one was given', async () => {
    if (database === 'sqlite') return;
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    const other = await world.startElsewhere();
    moveTo(laptop, other.url);
    expect(await download(laptop, 'v1')).toEqual(['red']);
    moveTo(laptop, world.app.url);
    await write(laptop, 'v1', ['green']);
    const asked = await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        const device = Object.assign(
          Object.create(Object.getPrototypeOf(laptop) as object) as TestDevice,
          laptop,
          { url: index % 2 ? other.url : world.app.url },
        );
        return download(device, 'v1');
      }),
    );
    expect(asked).toEqual(asked.map(() => ['green']));
    expect((await world.health()).uploads).toMatchObject({ pending: 0, failing: 0 });
  });
});
