import { Database } from '../../src/foundation/database/database.js';
import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { hold, lock, packedLayout, putContent } from '../support/documents.js';
import { clockOf, expectProblem } from '../support/exchange.js';
import { around, holdNext } from '../uploads/hold-back.js';
import { World } from '../uploads/world.js';

const HOUR_MS = 3_600_000;

const journalOf = (world: World) => world.app.nest.get(JournalRepository);

async function partsIn(world: World): Promise<number> {
  const [row] = await world.app.nest
    .get(Database)
    .query<{ count: number }>('SELECT count(*) AS "count" FROM document_journal');
  return row!.count;
}

test('a content that is stored slowly holds up nobody else', async () => {
  await using world = await World.make('postgres');
  const ann = await world.newDevice();
  const bob = await world.newDevice();
  const clock = await clockOf(bob);
  const holding = await hold(ann, 'v1');
  const storing = holdNext(journalOf(world), 'addDraft', 'after');
  const writing = putContent(holding, '0-0', packedLayout(['red']));
  await storing.reached;
  // These writes check first whether they may write.
  const others = ['0-0', '0-0', '7-1'].map((version) => putContent(holding, version, Buffer.alloc(10)));
  expectProblem(await others[2]!, 412, 'VERSION_MISMATCH');
  expect((await bob.push({}, clock)).status).toBe(200);
  expect((await lock(bob, 'v1')).status).toBe(200);
  expect((await lock(ann, 'v1', { session_id: holding.sessionId })).status).toBe(200);
  storing.goOn();
  expect((await writing).status).toBe(200);
  for (const other of others.slice(0, 2)) expect((await other).status).toBeGreaterThanOrEqual(400);
});

test('a write whose lock was taken over while its content was stored leaves nothing', async () => {
  await using world = await World.make('postgres');
  const ann = await world.newDevice();
  const bob = await ann.pair();
  const holding = await hold(ann, 'v1');
  const storing = holdNext(journalOf(world), 'addDraft', 'after');
  const writing = putContent(holding, '0-0', packedLayout(['red']));
  await storing.reached;
  expect(await partsIn(world)).toBeGreaterThan(0);
  expect((await lock(bob, 'v1', { take_over: true })).status).toBe(200);
  storing.goOn();
  expectProblem(await writing, 423, 'LOCK_REQUIRED');
  expect(await partsIn(world)).toBe(0);
});

test('what a process that was killed left of a content is removed after an hour', async () => {
  await using world = await World.make('postgres');
  const ann = await world.newDevice();
  const holding = await hold(ann, 'v1');
  around(journalOf(world), 'commitDraft', () => () => Promise.reject(new Error('Killed.')));
  around(journalOf(world), 'removeDraft', () => () => Promise.resolve());
  expect((await putContent(holding, '0-0', packedLayout(['red']))).status).toBe(500);
  await world.tick();
  expect(await partsIn(world)).toBeGreaterThan(0);
  world.clock.ms += HOUR_MS + 1;
  await world.tick();
  expect(await partsIn(world)).toBe(0);
});
