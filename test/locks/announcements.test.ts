import { AppError } from '../../src/foundation/errors/app-error.js';
import { toDocumentLock, type DocumentRef, type Lock } from '../../src/locks/lock.js';
import { LocksRepository } from '../../src/locks/locks.repository.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { until } from '../support/exchange.js';
import { TestClock } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';
import { around, atNext, holdNext } from '../uploads/hold-back.js';
import { databaseOf, job, locksOf, newDocument, person, refusal, request, TTL_MS } from './support.js';

const [ada, adasPhone, grace] = [person('ada'), person('ada', 'ada-phone'), person('grace')];

forEachDatabase((database) => {
  let clock: TestClock;
  let app: TestApp;
  /** How often the server has read its clock. */
  let readings = 0;
  beforeEach(async () => {
    clock = new TestClock();
    const now = () => {
      readings += 1;
      return clock.ms;
    };
    app = await startApp(database, { now });
  });
  afterEach(() => app.close());

  /** Two devices of one account, and a document of it. */
  const family = async () => {
    const phone = await app.newDevice();
    const sockets = await Promise.all(
      [phone, await phone.pair()].map((device) => TestSocket.connect(device)),
    );
    return {
      ref: newDocument(phone.accountId),
      sockets,
      [Symbol.dispose]: () => sockets.forEach((socket) => socket[Symbol.dispose]()),
    };
  };

  const changed = ({ videoId, kind }: DocumentRef, lock: Lock | null) => ({
    video_id: videoId,
    database: kind,
    lock: lock && toDocumentLock(lock),
  });

  test('every device of the account hears of a lock, its renewal and its release, and nobody else does', async () => {
    using home = await family();
    using stranger = await TestSocket.connect(await app.newDevice());
    const { ref } = home;
    const locks = locksOf(app);
    const granted = await locks.acquire(ref, request(ada, { reason: 'new intro' }));
    clock.ms += 20_000;
    const renewed = await locks.acquire(ref, request(ada));
    await locks.release(ref, ada.sessionId, ada.userId);
    for (const socket of home.sockets) {
      for (const lock of [granted, renewed, null]) {
        expect(await socket.next('lock_changed')).toEqual(changed(ref, lock));
      }
      expect(socket.pending).toEqual([]);
    }
    await stranger.ping();
    expect(stranger.pending).toEqual([]);
  });

  test('a transfer and a take-over tell who lost it to whom, before they tell who has it', async () => {
    using home = await family();
    const { ref } = home;
    const socket = home.sockets[0]!;
    const locks = locksOf(app);
    const pipeline = job('pipeline');
    await locks.acquire(ref, request(ada));
    await socket.next('lock_changed');
    for (const [from, to] of [
      [ada, adasPhone],
      [adasPhone, grace],
      [grace, pipeline],
    ] as const) {
      const lock = await locks.acquire(ref, request(to, { takeOver: to !== adasPhone }));
      await until(
        () => socket.pending,
        (names) => names.length === 2,
      );
      expect(socket.pending).toEqual(['session_transferred', 'lock_changed']);
      expect(await socket.next('session_transferred')).toEqual({
        video_id: ref.videoId,
        database: ref.kind,
        from_session: from.sessionId,
        to_session: to.sessionId,
        to_device: to.deviceId,
      });
      expect(await socket.next('lock_changed')).toEqual(changed(ref, lock));
    }
  });

  test('what changes nothing is not announced: a refusal, a release by who does not hold it', async () => {
    using home = await family();
    const { ref } = home;
    const locks = locksOf(app);
    await locks.acquire(ref, request(ada));
    await refusal(locks.acquire(ref, request(grace)));
    await refusal(locks.release(ref, ada.sessionId, grace.userId));
    await locks.release(ref, grace.sessionId, grace.userId);
    await locks.release(ref, ada.sessionId, ada.userId);
    for (const socket of home.sockets) {
      await socket.next('lock_changed');
      expect(await socket.next('lock_changed')).toEqual(changed(ref, null));
      expect(socket.pending).toEqual([]);
    }
  });

  test('a lock that ran out is announced as free within seconds, once, though nobody asks for it', async () => {
    using home = await family();
    const { ref } = home;
    const later = { ...ref, kind: 'captions' };
    const locks = locksOf(app);
    await locks.acquire(ref, request(ada));
    clock.ms += 30_000;
    await locks.acquire(later, request(ada));
    for (const socket of home.sockets) await socket.next('lock_changed');
    for (const socket of home.sockets) await socket.next('lock_changed');
    clock.ms += TTL_MS - 30_000;
    for (const socket of home.sockets) expect(await socket.next('lock_changed')).toEqual(changed(ref, null));
    clock.ms += 30_000;
    for (const socket of home.sockets) {
      expect(await socket.next('lock_changed')).toEqual(changed(later, null));
      expect(socket.pending).toEqual([]);
    }
    expect(await locks.acquire(ref, request(grace))).toMatchObject({ fencingToken: 2 });
  });

  test('hundreds of locks that run out together are all announced', async () => {
    using home = await family();
    const socket = home.sockets[0]!;
    const refs = Array.from({ length: 250 }, () => newDocument(home.ref.accountId));
    for (const ref of refs) await locksOf(app).acquire(ref, request(ada));
    for (const ref of refs)
      expect(await socket.next('lock_changed')).toMatchObject({ video_id: ref.videoId });
    clock.ms += TTL_MS;
    const freed = new Set<string>();
    for (const _ of refs) freed.add((await socket.next('lock_changed')).video_id);
    expect(freed).toEqual(new Set(refs.map(({ videoId }) => videoId)));
    expect(socket.pending).toEqual([]);
  });

  test('what could not be read in one second is read in the next', async () => {
    using home = await family();
    const socket = home.sockets[0]!;
    await locksOf(app).acquire(home.ref, request(ada));
    await socket.next('lock_changed');
    const rename = (from: string, to: string) =>
      databaseOf(app).transaction((tx) => tx.query(`ALTER TABLE ${from} RENAME TO ${to}`));
    await rename('document_locks', 'elsewhere');
    clock.ms += TTL_MS;
    const before = readings;
    await until(
      () => readings,
      (count) => count >= before + 2,
    );
    await rename('elsewhere', 'document_locks');
    expect(await socket.next('lock_changed')).toEqual(changed(home.ref, null));
  });

  describe('a lock that ran out', () => {
    const rows = () => app.nest.get(LocksRepository, { strict: false });

    test('and is taken as it is freed: first its end is announced, then the new lock', async () => {
      using home = await family();
      const { ref } = home;
      const socket = home.sockets[0]!;
      const locks = locksOf(app);
      await locks.acquire(ref, request(ada));
      await socket.next('lock_changed');
      const freeing = holdNext(rows(), 'replaceNow', 'after');
      clock.ms += TTL_MS;
      const expiring = locks.expire(100);
      await freeing.reached; // the row is free, but that is not announced yet
      const taking = locks.acquire(ref, request(grace));
      // Long enough for a request that does not wait.
      for (let i = 0; i < 3; i++) await locks.acquire(newDocument(), request(grace));
      freeing.goOn();
      const [taken] = await Promise.all([taking, expiring]);
      expect(await socket.next('lock_changed')).toEqual(changed(ref, null));
      expect(await socket.next('lock_changed')).toEqual(changed(ref, taken));
    });

    test('is taken without reading it again', async () => {
      using home = await family();
      const locks = locksOf(app);
      await locks.acquire(home.ref, request(ada));
      await home.sockets[0]!.next('lock_changed');
      clock.ms += TTL_MS;
      await locks.expire(100);
      expect(await home.sockets[0]!.next('lock_changed')).toEqual(changed(home.ref, null));
      let reads = 0;
      const undo = around(rows(), 'find', (find) => (ref) => {
        reads += 1;
        return find(ref);
      });
      expect(await locks.acquire(home.ref, request(grace))).toMatchObject({ fencingToken: 2 });
      undo();
      expect(reads).toBe(0);
    });

    test('is announced although a request for another one is waiting', async () => {
      using home = await family();
      const { ref } = home;
      const other = newDocument(ref.accountId);
      const socket = home.sockets[0]!;
      const locks = locksOf(app);
      for (const document of [ref, other]) {
        await locks.acquire(document, request(ada));
        await socket.next('lock_changed');
      }
      const taking = holdNext(rows(), 'replace', 'before');
      clock.ms += TTL_MS - 1;
      const renewing = locks.acquire(ref, request(ada));
      await taking.reached;
      clock.ms += 1;
      await locks.expire(100);
      expect(await socket.next('lock_changed')).toEqual(changed(other, null));
      taking.goOn();
      expect(await socket.next('lock_changed')).toEqual(changed(ref, await renewing));
    });
  });
});

test('on postgres, a transfer whose commit is not heard of, as the connection died, is announced like any other', async () => {
  await using app = await startApp('postgres');
  const phone = await app.newDevice();
  using socket = await TestSocket.connect(phone);
  const ref = newDocument(phone.accountId);
  await locksOf(app).acquire(ref, request(ada));
  atNext(databaseOf(app), 'write', (write) => async (sql, params) => {
    await write(sql, params);
    throw new AppError('OVERLOADED');
  });
  const lock = await locksOf(app).acquire(ref, request(adasPhone));
  expect(lock).toMatchObject({ fencingToken: 2 });
  await socket.next('lock_changed');
  expect(await socket.next('session_transferred')).toMatchObject({ to_session: adasPhone.sessionId });
  expect(await socket.next('lock_changed')).toMatchObject({ lock: toDocumentLock(lock) });
});

describe('two processes on one PostgreSQL', () => {
  test('a lock that ran out is announced by one of them, to the devices of both', async () => {
    const clock = new TestClock();
    await using here = await startApp('postgres', { now: clock.now });
    await using there = await startApp('postgres', { now: clock.now, storage: here.storage });
    const phone = await here.newDevice();
    using near = await TestSocket.connect(phone);
    Object.assign(phone, { url: there.url });
    using far = await TestSocket.connect(phone);
    const refs = Array.from({ length: 20 }, () => newDocument(phone.accountId));
    for (const ref of refs) await locksOf(here).acquire(ref, request(ada));
    for (const socket of [near, far]) for (const _ of refs) await socket.next('lock_changed');
    clock.ms += TTL_MS;
    // Both look for expired locks at the same moment, independently of their own schedule.
    await Promise.all([here, there].map((app) => locksOf(app).expire(100)));
    for (const socket of [near, far]) {
      const freed = new Set<string>();
      for (const _ of refs) freed.add((await socket.next('lock_changed')).video_id);
      expect(freed.size).toBe(refs.length);
    }
    // The next announcement on the same path proves that none was sent twice.
    const last = await locksOf(there).acquire(refs[0]!, request(grace));
    for (const socket of [near, far]) {
      expect(await socket.next('lock_changed')).toMatchObject({ lock: toDocumentLock(last) });
      expect(socket.pending).toEqual([]);
    }
  });
});
