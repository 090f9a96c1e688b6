import type { Connection } from '../../src/foundation/database/database.js';
import { toDocumentLock, type DocumentRef, type Session } from '../../src/locks/lock.js';
import type { LocksService } from '../../src/locks/locks.service.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { until } from '../support/exchange.js';
import { shareApp, TestClock } from '../support/shared-app.js';
import { databaseOf, job, locksOf, newDocument, person, refusal, request, TTL_MS } from './support.js';

const [ada, adasPhone, grace] = [person('ada'), person('ada', 'ada-phone'), person('grace')];
const pipeline = job('pipeline');

forEachDatabase((database) => {
  const clock = new TestClock();
  const app = shareApp(database, { now: clock.now });

  let locks: LocksService;
  let ref: DocumentRef;
  beforeEach(() => {
    locks = locksOf(app());
    ref = newDocument();
  });

  const write = ({ sessionId, userId }: Session, fencingToken: number) =>
    databaseOf(app()).transaction((tx) => locks.assertHeld(tx, ref, { sessionId, userId, fencingToken }));

  test('a document is locked by one session, renewed by it, and released', async () => {
    expect(await locks.find(ref)).toBeNull();
    const lock = await locks.acquire(ref, request(ada, { reason: 'new intro' }));
    expect(lock).toEqual({
      type: 'client',
      reason: 'new intro',
      holder: ada,
      fencingToken: 1,
      acquiredAt: clock.ms,
      expiresAt: clock.ms + TTL_MS,
    });
    expect(await locks.find(ref)).toEqual(lock);
    clock.ms += 20_000;
    const renewed = await locks.acquire(ref, request(ada));
    expect(renewed).toEqual({ ...lock, expiresAt: clock.ms + TTL_MS });
    expect(await locks.find(ref)).toEqual(renewed);
    await locks.release(ref, ada.sessionId, ada.userId);
    expect(await locks.find(ref)).toBeNull();
    expect(await locks.acquire(ref, request(grace))).toMatchObject({ holder: grace, fencingToken: 2 });
  });

  test('another user is told who holds it, why and until when, and can take it over', async () => {
    const held = await locks.acquire(ref, request(ada, { reason: 'new intro' }));
    const { lock_type, reason, holder, expires_at } = toDocumentLock(held);
    expect(await refusal(locks.acquire(ref, request(grace)))).toMatchObject({
      code: 'LOCK_HELD',
      details: { granted: false, lock_type, reason, holder, expires_at },
    });
    expect(await locks.find(ref)).toEqual(held);
    const taken = await locks.acquire(ref, request(grace, { takeOver: true }));
    expect(taken).toMatchObject({ holder: grace, fencingToken: 2, reason: null, acquiredAt: clock.ms });
    expect(await refusal(locks.acquire(ref, request(ada)))).toMatchObject({ code: 'LOCK_HELD' });
  });

  test('each document, kind and account has a lock of its own', async () => {
    const others = [
      { ...ref, kind: 'captions' },
      { ...ref, accountId: 'another' },
      { ...ref, videoId: `${ref.videoId}-2` },
    ];
    await locks.acquire(ref, request(ada));
    for (const other of others) expect(await locks.find(other)).toBeNull();
    for (const other of others)
      expect(await locks.acquire(other, request(grace))).toMatchObject({ fencingToken: 1 });
    expect(await locks.find(ref)).toMatchObject({ holder: ada });
  });

  test('the same user’s other tab takes it without asking; the earlier one can write and release nothing any more', async () => {
    const { fencingToken } = await locks.acquire(ref, request(ada));
    const moved = await locks.acquire(ref, request(adasPhone));
    expect(moved).toMatchObject({ holder: adasPhone, fencingToken: fencingToken + 1 });
    expect(await refusal(write(ada, fencingToken))).toMatchObject({
      code: 'LOCK_REQUIRED',
      details: { lock: toDocumentLock(moved) },
    });
    await locks.release(ref, ada.sessionId, ada.userId);
    expect(await locks.find(ref)).toEqual(moved);
    await write(adasPhone, moved.fencingToken);
  });

  test('a late release by an old tab frees nothing, also when the lock has been taken and released since', async () => {
    await locks.acquire(ref, request(ada));
    await locks.release(ref, ada.sessionId, ada.userId);
    await locks.release(ref, ada.sessionId, ada.userId);
    const held = await locks.acquire(ref, request(grace));
    await locks.release(ref, ada.sessionId, ada.userId);
    expect(await locks.find(ref)).toEqual(held);
    await locks.release(newDocument(), ada.sessionId, ada.userId);
  });

  test('a lock of another user is not released, nor written under, even by the same session id', async () => {
    const held = await locks.acquire(ref, request(ada));
    const impostor = { ...grace, sessionId: ada.sessionId };
    expect(await refusal(write(impostor, held.fencingToken))).toMatchObject({
      code: 'LOCK_REQUIRED',
      details: { lock: toDocumentLock(held) },
    });
    for (const userId of [grace.userId, null]) {
      const refused = await refusal(locks.release(ref, ada.sessionId, userId));
      expect(refused).toMatchObject({ code: 'LOCK_OF_ANOTHER' });
    }
    expect(await locks.find(ref)).toEqual(held);
  });

  test('a lock that is not renewed runs out; anybody can take it then, and the token grows', async () => {
    const { fencingToken } = await locks.acquire(ref, request(ada));
    clock.ms += TTL_MS - 1;
    expect(await refusal(locks.acquire(ref, request(grace)))).toMatchObject({ code: 'LOCK_HELD' });
    clock.ms += 1;
    expect(await locks.find(ref)).toBeNull();
    const next = await locks.acquire(ref, request(grace));
    expect(next).toMatchObject({ holder: grace, fencingToken: fencingToken + 1 });
  });

  test('a holder that comes back after its lease gets a new token: others may have written in between', async () => {
    const { fencingToken } = await locks.acquire(ref, request(ada));
    clock.ms += TTL_MS;
    expect(await refusal(write(ada, fencingToken))).toMatchObject({
      code: 'LOCK_REQUIRED',
      details: { lock: null },
    });
    const again = await locks.acquire(ref, request(ada));
    expect(again.fencingToken).toBe(fencingToken + 1);
    expect(await refusal(write(ada, fencingToken))).toMatchObject({ code: 'LOCK_REQUIRED' });
    await write(ada, again.fencingToken);
  });

  test('a paused holder that wakes up late is refused, and told who holds the lock by now', async () => {
    const paused = await locks.acquire(ref, request(ada));
    clock.ms += TTL_MS;
    const next = await locks.acquire(ref, request(grace));
    const late = await refusal(write(ada, paused.fencingToken));
    expect(late).toMatchObject({ code: 'LOCK_REQUIRED', details: { lock: toDocumentLock(next) } });
    expect(await refusal(write(ada, next.fencingToken))).toMatchObject({ code: 'LOCK_REQUIRED' });
    await locks.release(ref, ada.sessionId, ada.userId);
    await write(grace, next.fencingToken);
  });

  test('nobody writes a document that was never locked', async () => {
    expect(await refusal(write(ada, 0))).toMatchObject({
      code: 'LOCK_REQUIRED',
      details: { lock: null },
    });
  });

  test('a job’s lock is for jobs: a person waits for it, another job may take it over', async () => {
    const held = await locks.acquire(ref, request(pipeline, { reason: 'new transcript' }));
    for (const takeOver of [false, true]) {
      const refused = await refusal(locks.acquire(ref, request(ada, { takeOver })));
      expect(refused).toMatchObject({
        code: 'LOCK_HELD',
        details: {
          lock_type: 'server',
          reason: 'new transcript',
          hint: 'Wait until expires_at: the lock of a job is not taken over.',
          holder: { user_id: null, name: 'pipeline' },
        },
      });
    }
    expect(await refusal(locks.release(ref, pipeline.sessionId, ada.userId))).toMatchObject({
      code: 'LOCK_OF_ANOTHER',
    });
    expect(await refusal(locks.acquire(ref, request(job('other'))))).toMatchObject({ code: 'LOCK_HELD' });
    const taken = await locks.acquire(ref, request(job('other'), { takeOver: true }));
    expect(taken.fencingToken).toBe(held.fencingToken + 1);
    await locks.release(ref, 'other', null);
    await locks.acquire(ref, request(ada));
    expect(await refusal(locks.acquire(ref, request(pipeline)))).toMatchObject({ code: 'LOCK_HELD' });
    expect(await locks.acquire(ref, request(pipeline, { takeOver: true }))).toMatchObject({ type: 'server' });
  });

  test('the lock does not change hands while a write is under way, and does so right after it', async () => {
    const { fencingToken } = await locks.acquire(ref, request(ada));
    const order: string[] = [];
    let taking: Promise<unknown> | undefined;
    await databaseOf(app()).transaction(async (tx) => {
      await locks.assertHeld(tx, ref, { ...ada, fencingToken });
      taking = locks.acquire(ref, request(grace, { takeOver: true })).then(() => order.push('taken over'));
      if (tx.dialect === 'postgres')
        await until(
          () => countWaiting(tx),
          (count) => count === 1,
        );
      await locks.assertHeld(tx, ref, { ...ada, fencingToken });
      order.push('written');
    });
    await taking;
    expect(order).toEqual(['written', 'taken over']);
    expect(await locks.find(ref)).toMatchObject({ holder: grace });
  });

  test('a lock outlives the server that granted it, and its token goes on growing', async () => {
    const first = await startApp(database, { now: clock.now });
    await locksOf(first).acquire(ref, request(ada));
    await first.stop();
    await using second = await startApp(database, { storage: first.storage, now: clock.now });
    locks = locksOf(second);
    expect(await refusal(locks.acquire(ref, request(grace)))).toMatchObject({ code: 'LOCK_HELD' });
    await locks.release(ref, ada.sessionId, ada.userId);
    expect(await locks.acquire(ref, request(grace))).toMatchObject({ holder: grace, fencingToken: 2 });
  });
});

/** How many statements in this database wait for a row lock. */
async function countWaiting(tx: Connection): Promise<number> {
  const [found] = await tx.query<{ n: number }>(
    `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return found!.n;
}
