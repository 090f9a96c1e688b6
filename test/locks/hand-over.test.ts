import type { HandOver, HandOverListener } from '../../src/locks/hand-over.js';
import { LocksRepository } from '../../src/locks/locks.repository.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { TestClock } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';
import { atNext, moment } from '../uploads/hold-back.js';
import { job, locksOf, newDocument, person, refusal, request, TTL_MS } from './support.js';

const [ada, adasPhone, grace] = [person('ada'), person('ada', 'ada-phone'), person('grace')];

/** Notes what it is told, in words. */
class Listener {
  readonly told: string[] = [];
  freeze: HandOverListener['freeze'] = () => Promise.resolve();

  heard(): HandOverListener {
    return {
      freeze: (handOver) => {
        this.told.push(`freeze ${wordsOf(handOver)}`);
        return this.freeze(handOver);
      },
      thaw: (handOver, isDone) => void this.told.push(`${isDone ? 'done' : 'kept'} ${wordsOf(handOver)}`),
    };
  }
}

const wordsOf = ({ from, to }: HandOver) =>
  `${from.holder.sessionId} ${from.fencingToken} → ${to?.holder.sessionId ?? 'free'}`;

forEachDatabase((database) => {
  let clock: TestClock;
  let app: TestApp;
  let listener: Listener;
  beforeEach(async () => {
    clock = new TestClock();
    app = await startApp(database, { now: clock.now });
    listener = new Listener();
    locksOf(app).beforeHandOver(listener.heard());
  });
  afterEach(() => app.close());

  test('a listener hears before each change of holder: transfer, take over, a job’s lock, release; not of grants, renewals, expiry', async () => {
    const locks = locksOf(app);
    const ref = newDocument();
    await locks.acquire(ref, request(ada));
    await locks.acquire(ref, request(ada));
    expect(listener.told).toEqual([]);
    await locks.acquire(ref, request(adasPhone));
    await refusal(locks.acquire(ref, request(grace)));
    await locks.acquire(ref, request(grace, { takeOver: true }));
    await locks.acquire(ref, request(job('render'), { takeOver: true }));
    await locks.release(ref, 'ada-tab', 'ada'); // of a holding that is over
    await locks.release(ref, 'render', null);
    await locks.acquire(ref, request(ada));
    await locks.releaseAllOf(ref.accountId, ada.deviceId!); // as when the device is revoked
    await locks.acquire(ref, request(ada));
    clock.ms += TTL_MS + 1;
    await locks.acquire(ref, request(grace));
    const changes = [
      'ada-tab 1 → ada-phone',
      'ada-phone 2 → grace-tab',
      'grace-tab 3 → render',
      'render 4 → free',
      'ada-tab 5 → free',
    ];
    expect(listener.told).toEqual(changes.flatMap((change) => [`freeze ${change}`, `done ${change}`]));
  });

  test('the holder keeps the lock, and may write, until what it sent is written', async () => {
    const locks = locksOf(app);
    const ref = newDocument();
    const { fencingToken } = await locks.acquire(ref, request(ada));
    const [frozen, drained] = [moment(), moment()];
    listener.freeze = () => {
      frozen.come();
      return drained.hasCome;
    };
    const taking = locks.acquire(ref, request(adasPhone));
    await frozen.hasCome;
    await locks.assertHeld(null, ref, { ...ada, fencingToken });
    drained.come();
    expect((await taking).fencingToken).toBe(fencingToken + 1);
    expect(await refusal(locks.assertHeld(null, ref, { ...ada, fencingToken }))).toMatchObject({
      code: 'LOCK_REQUIRED',
    });
  });

  test('a listener that throws, at once or later, or never ends does not keep the lock from changing hands', async () => {
    const locks = locksOf(app);
    const ref = newDocument();
    await locks.acquire(ref, request(ada));
    const failures: HandOverListener['freeze'][] = [
      () => {
        throw new Error('At once.');
      },
      () => Promise.reject(new Error('Later.')),
      () => new Promise(() => undefined),
    ];
    for (const [index, freeze] of failures.entries()) {
      listener.freeze = freeze;
      const to = index % 2 === 0 ? adasPhone : ada;
      expect((await locks.acquire(ref, request(to))).holder.sessionId).toBe(to.sessionId);
      expect(listener.told.at(-1)).toContain('done');
    }
  });

  test('where the change fails, the freeze ends', async () => {
    const locks = locksOf(app);
    const ref = newDocument();
    await locks.acquire(ref, request(ada));
    const rows = app.nest.get(LocksRepository, { strict: false });
    atNext(rows, 'replace', () => () => Promise.reject(new Error('The database is gone.')));
    await expect(locks.acquire(ref, request(adasPhone))).rejects.toThrow('gone');
    expect(listener.told).toEqual(['freeze ada-tab 1 → ada-phone', 'kept ada-tab 1 → ada-phone']);
    atNext(rows, 'replace', () => () => Promise.resolve(false)); // somebody else was faster
    await locks.acquire(ref, request(adasPhone));
    expect(listener.told.slice(2).map((words) => words.split(' ')[0])).toEqual([
      'freeze',
      'kept',
      'freeze',
      'done',
    ]);
  });

  test('the holder of a live socket renews its lease; the first renewal is announced, the others are not', async () => {
    const device = await app.newDevice();
    using socket = await TestSocket.connect(device);
    const ref = newDocument(device.accountId);
    const locks = locksOf(app);
    const { fencingToken } = await locks.acquire(ref, request(ada));
    const writer = { ...ada, fencingToken };
    for (let renewals = 0; renewals < 4; renewals += 1) {
      clock.ms += 20_000;
      expect((await locks.renew(ref, writer)).expiresAt).toBe(clock.ms + TTL_MS);
    }
    expect((await locks.find(ref))?.expiresAt).toBe(clock.ms + TTL_MS);
    const again = await locks.acquire(ref, request(adasPhone));
    await locks.renew(ref, { ...adasPhone, fencingToken: again.fencingToken });
    const announced = [];
    for (let events = 0; events < 4; events += 1) {
      const { lock } = (await socket.next('lock_changed')) as { lock: { holder: { session_id: string } } };
      announced.push(lock.holder.session_id);
    }
    expect(announced).toEqual(['ada-tab', 'ada-tab', 'ada-phone', 'ada-phone']);
    expect(listener.told).toHaveLength(2);
  });

  test('a lease is renewed by its own holding alone, and not after its end', async () => {
    const locks = locksOf(app);
    const ref = newDocument();
    const { fencingToken } = await locks.acquire(ref, request(ada));
    const held = { code: 'LOCK_REQUIRED', details: { lock: { holder: { session_id: 'ada-tab' } } } };
    expect(await refusal(locks.renew(ref, { ...ada, fencingToken: 7 }))).toMatchObject(held);
    expect(await refusal(locks.renew(ref, { ...grace, fencingToken }))).toMatchObject(held);
    expect(await refusal(locks.renew(ref, { ...adasPhone, fencingToken }))).toMatchObject(held);
    clock.ms += TTL_MS;
    const free = { code: 'LOCK_REQUIRED', details: { lock: null } };
    expect(await refusal(locks.renew(ref, { ...ada, fencingToken }))).toMatchObject(free);
    expect(await refusal(locks.renew(newDocument(), { ...ada, fencingToken }))).toMatchObject(free);
  });
});
