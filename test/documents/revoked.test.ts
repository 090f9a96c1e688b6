import { ContentImport } from '../../src/documents/content/content-import.js';
import { DocumentStatesRepository } from '../../src/documents/document-states.repository.js';
import { Database } from '../../src/foundation/database/database.js';
import { LocksRepository } from '../../src/locks/locks.repository.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { documentState, hold, lock, packedLayout, putContent, write } from '../support/documents.js';
import { clockOf, expectProblem, store } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';
import { holdNext } from '../uploads/hold-back.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  let laptop: TestDevice;
  let phone: TestDevice;
  beforeEach(async () => {
    laptop = await app().newDevice();
    phone = await laptop.pair();
  });

  const revokePhone = async () => {
    const reply = await laptop.request('DELETE', `/auth/devices/${phone.deviceId}`);
    expect(reply.status).toBe(204);
  };

  test('the locks of a revoked device are free at once, which is announced; others stay', async () => {
    using socket = await TestSocket.connect(laptop);
    await hold(laptop, 'mine');
    await hold(phone, 'v1');
    await hold(phone, 'v2', { session_id: 'another-tab' });
    for (const count of [1, 2, 3]) expect(count && (await socket.next('lock_changed')).lock).not.toBeNull();
    await revokePhone();
    expect((await documentState(laptop, 'v1')).lock).toBeNull();
    expect((await documentState(laptop, 'v2')).lock).toBeNull();
    expect((await documentState(laptop, 'mine')).lock).toMatchObject({ mine: true });
    const freed = [await socket.next('lock_changed'), await socket.next('lock_changed')];
    expect(freed.map(({ lock }) => lock)).toEqual([null, null]);
    expect(freed.map(({ video_id }) => video_id).sort()).toEqual(['v1', 'v2']);
    expect((await lock(laptop, 'v1')).body).toMatchObject({ granted: true, fencing_token: 2 });
  });

  test('a content that a device was sending when it was revoked is not written', async () => {
    await write(laptop, 'v1', ['before']);
    const holding = await hold(phone, 'v1');
    const imports = app().nest.get(ContentImport);
    const importing = holdNext(imports, 'run', 'before');
    const writing = putContent(holding, '1-1', packedLayout(['after the revocation']));
    await importing.reached;
    await revokePhone();
    importing.goOn();
    expectProblem(await writing, 401, 'DEVICE_REVOKED');
    expect(await documentState(laptop, 'v1')).toMatchObject({ epoch: 1, lock: null });
  });

  test('a lock that is granted while its device is revoked does not stay', async () => {
    const swapped = holdNext(app().nest.get(LocksRepository), 'insert', 'after');
    const locking = lock(phone, 'v1');
    await swapped.reached;
    // The revocation does not wait for the answer to the request.
    const states = holdNext(app().nest.get(DocumentStatesRepository), 'find', 'after');
    swapped.goOn();
    await states.reached;
    await revokePhone();
    states.goOn();
    const reply = await locking;
    if (reply.status !== 200) expectProblem(reply, 401, 'DEVICE_REVOKED');
    expect((await documentState(laptop, 'v1')).lock).toBeNull();
  });

  test('a lock that a revoked device was asking for is not granted', async () => {
    const asking = holdNext(app().nest.get(LocksRepository), 'insert', 'before');
    const locking = lock(phone, 'v1');
    await asking.reached;
    const revoked = revokePhone();
    await revoked;
    asking.goOn();
    expectProblem(await locking, 401, 'DEVICE_REVOKED');
    expect((await documentState(laptop, 'v1')).lock).toBeNull();
  });

  test('a push that a device had begun when it was revoked is not applied', async () => {
    const clock = await clockOf(phone);
    const waiting = holdNext(app().nest.get(Database), 'transaction', 'before');
    const pushing = phone.push(creating({ games: [game('late')] }), clock);
    await waiting.reached;
    await revokePhone();
    waiting.goOn();
    expectProblem(await pushing, 401, 'DEVICE_REVOKED');
    expect(await clockOf(laptop)).toBe(clock);
  });

  test('a link to a game that a device was making when it was revoked is not made; an earlier one stays', async () => {
    await store(laptop, { games: [game('g1')] });
    expect((await phone.request('POST', '/games/g1/shares')).status).toBe(201);
    const waiting = holdNext(app().nest.get(Database), 'transaction', 'before');
    const making = phone.request('POST', '/games/g1/shares');
    await waiting.reached;
    await revokePhone();
    waiting.goOn();
    expectProblem(await making, 401, 'DEVICE_REVOKED');
    // It belongs to the account, which sees it and can withdraw it.
    const shares = (await laptop.request('GET', '/games/g1/shares')).body as { share_id: string }[];
    expect(shares).toHaveLength(1);
    expect((await laptop.request('DELETE', `/shares/${shares[0]!.share_id}`)).status).toBe(204);
  });
});
