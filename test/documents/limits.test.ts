import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { IncomingContent } from '../../src/documents/content/incoming-content.js';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { hold, lock, packedLayout, putContent, write } from '../support/documents.js';
import { expectProblem } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';
import { around } from '../uploads/hold-back.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test.each(['%00', 'x', 'a/', '/layout', 'a/b/c', `${'a'.repeat(200)}/layout`, 'a/%00'])(
    'a list that is to go on from %j is refused',
    async (after) => {
      const laptop = await app().newDevice();
      const reply = await laptop.request('GET', `/documents?after=${after}`);
      expectProblem(reply, 400, 'BAD_REQUEST');
    },
  );

  test('an account may ever lock twice as many documents as it may have; those it has locked before it may again', async () => {
    await using small = await startApp(database, { env: { MAX_DOCUMENTS_PER_ACCOUNT: '1' } });
    const laptop = await small.newDevice();
    for (const video of ['a', 'b', 'a']) expect((await lock(laptop, video)).status).toBe(200);
    expectProblem(await lock(laptop, 'c'), 403, 'QUOTA_EXCEEDED');
    expect((await lock(await small.newDevice(), 'c')).status).toBe(200);
  });
});

test('an account that has filled the room for working copies has it uploaded at once when another one needs it', async () => {
  await using small = await startApp('sqlite', { env: { MAX_WORKING_COPY_BYTES: '1200000' } });
  const [ada, bob] = [await small.newDevice(), await small.newDevice()];
  await putContent(await hold(ada, 'v1'), '0-0', packedLayout(['ada'], 1_100_000));
  const holding = await hold(bob, 'v1');
  const content = packedLayout(['bob'], 100_000);
  expectProblem(await putContent(holding, '0-0', content), 507, 'DISK_FULL');
  await small.nest.get(UploadSchedule).tick();
  expect((await putContent(holding, '0-0', content)).status).toBe(200);
  await write(ada, 'v2', ['ada']);
});

test('a write that finds the room full does not look at each document that fills it', async () => {
  await using small = await startApp('sqlite', { env: { MAX_WORKING_COPY_BYTES: '2100000' } });
  const [ada, bob] = [await small.newDevice(), await small.newDevice()];
  for (let n = 0; n < 10; n += 1) {
    const reply = await putContent(await hold(ada, `v${n}`), '0-0', packedLayout(['ada'], 100_000));
    expect(reply.status).toBe(200);
  }
  const holding = await hold(bob, 'v1');
  const content = packedLayout(['bob'], 300_000);
  const looked: string[] = [];
  const undo = around(small.nest.get(DocumentsRepository), 'find', (real) => async (ref) => {
    if (ref.accountId === ada.accountId) looked.push(ref.videoId);
    return real(ref);
  });
  expectProblem(await putContent(holding, '0-0', content), 507, 'DISK_FULL');
  undo();
  expect(looked).toEqual([]);
  await small.nest.get(UploadSchedule).tick();
  expect((await putContent(holding, '0-0', content)).status).toBe(200);
});

/** Nothing is cut so soon after its begin. */
const uncut = () => {
  throw new Error('It was cut.');
};

test('contents that are being received take no more of the disk together than they may, though one alone may take more', async () => {
  const incoming = new IncomingContent(100);
  const [first, second] = [await incoming.begin('a', uncut), await incoming.begin('b', uncut)];
  first.grow(150);
  expect(() => second.grow(1)).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
  first.grow(99);
  second.grow(1);
  expect(() => second.grow(2)).toThrow();
  first.end();
  second.grow(90);
  second.end();
});

test('a third content of an account waits until one of two is received', async () => {
  const incoming = new IncomingContent(100);
  const [first] = [await incoming.begin('a', uncut), await incoming.begin('a', uncut)];
  const order: string[] = [];
  const third = incoming.begin('a', uncut).then(() => order.push('third'));
  await incoming.begin('b', uncut).then(() => order.push('other account'));
  first.end();
  await third;
  expect(order).toEqual(['other account', 'third']);
});
