import { newDatabase } from '../support/new-database';
import { eventually, Phone } from '../support/phone';
import { Server, sharedServer } from '../support/server';

/** Waits for `incompatible`, and checks its reason. */
async function isIncompatible(phone: Phone, code: string): Promise<void> {
  await phone.reaches('incompatible');
  expect(phone.status.reason).toMatchObject({ code, hint: expect.stringMatching(/\w/) });
}

/** Like `isIncompatible`; the state must not have been `synced` since the phone's list of statuses was emptied. */
async function isIncompatibleAtOnce(phone: Phone, code: string): Promise<void> {
  await isIncompatible(phone, code);
  expect(phone.statuses.map(({ state }) => state)).not.toContain('synced');
}

/** Phones prepared together for the same event, because it takes long; each test takes one. */
class Prepared<P extends { phone: Phone }> {
  constructor(private readonly left: P[]) {}

  take(): P {
    const next = this.left.pop();
    if (!next) throw new Error('There are more tests than phones were prepared for.');
    return next;
  }

  /** Closes the phones that no test took. */
  async close(): Promise<void> {
    for (const { phone } of this.left) await phone[Symbol.asyncDispose]();
  }
}

describe('after an older backup was put back', () => {
  const TESTS = 5;
  let server: Server;
  let prepared: Prepared<Awaited<ReturnType<typeof changeAfterBackup>>>;

  beforeAll(async () => {
    server = await Server.start();
    const saved = await Promise.all(Array.from({ length: TESTS }, savedPhone));
    const restore = await server.backUp();
    const changed = await Promise.all(saved.map(changeAfterBackup));
    await restore();
    for (const { phone } of changed) {
      phone.statuses.length = 0;
      phone.tidemark.start();
    }
    prepared = new Prepared(changed);
  });
  afterAll(async () => {
    await prepared.close();
    await server[Symbol.asyncDispose]();
  });

  /** A phone whose one game is in the backup. */
  async function savedPhone(): Promise<{ phone: Phone; early: string }> {
    const phone = await Phone.open(server.url);
    const early = await phone.play('Before');
    await phone.reaches('synced');
    return { phone, early };
  }

  /**
   * Adds games that are not in the backup, and changes that were never pushed: a new name for the early game and a
   * round in a later one.
   */
  async function changeAfterBackup({ phone, early }: { phone: Phone; early: string }) {
    const late = await phone.play('After');
    const untouched = await phone.play('After, untouched');
    await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
    await phone.tidemark.stop();
    await phone.update('games', early, { name: 'Before, edited' });
    await phone.create('rounds', { game_id: late, round_number: 2, created_at: 2 });
    return { phone, late, untouched };
  }

  async function phoneAfterRestore() {
    const taken = prepared.take();
    await isIncompatibleAtOnce(taken.phone, 'HISTORY_CHANGED');
    return taken;
  }

  test('nothing is sent or thrown away until somebody decides', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;

    await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'HISTORY_CHANGED' });
    await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'HISTORY_CHANGED' });

    expect(phone.status.state).toBe('incompatible');
    expect(await phone.games()).toEqual(['After', 'After, untouched', 'Before, edited']);
    expect(await phone.tidemark.countUnsynced()).toBe(2);
  });

  test('the server’s data can be taken, with what is unsynced here on top', async () => {
    const { phone, late } = await phoneAfterRestore();
    await using _ = phone;

    expect(await phone.tidemark.resolve('take-server')).toEqual({ dropped: 0 });
    await phone.reaches('synced');

    expect(await phone.games()).toEqual(['After', 'Before, edited']);
    const { rounds, scores } = await phone.everything();
    expect(rounds!.filter(({ game_id }) => game_id === late)).toMatchObject([{ round_number: 2 }]);
    expect(scores).toHaveLength(2);
    await using other = await phone.pair();
    await other.isInStepWith(phone);
  });

  test('an edit made between the decision and the server’s answer survives as well', async () => {
    const { phone, untouched } = await phoneAfterRestore();
    await using _ = phone;
    await server.stop();
    await phone.tidemark.resolve('take-server');
    await phone.update('games', untouched, { name: 'Edited meanwhile' });

    await server.startAgain();

    await phone.reaches('synced');
    expect(await phone.games()).toEqual(['After', 'Before, edited', 'Edited meanwhile']);
  });

  test('everything from this device can be uploaded', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;
    const before = await phone.everything();

    expect(await phone.tidemark.resolve('upload-everything')).toEqual({ dropped: 0 });
    await phone.reaches('synced');

    expect(await phone.everything()).toEqual(before);
    await using other = await phone.pair();
    expect(await other.everything()).toEqual(before);
  });

  test('starting fresh gives up what is unsynced, and says how much that was', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;

    expect(await phone.tidemark.resolve('start-fresh')).toEqual({ dropped: 2 });
    await phone.reaches('synced');

    expect(await phone.games()).toEqual(['Before']);
  });
});

describe('after the server was replaced by an empty one', () => {
  const TESTS = 3;
  let server: Server;
  let prepared: Prepared<{ phone: Phone }>;

  beforeAll(async () => {
    server = await Server.start();
    const phones = await Promise.all(Array.from({ length: TESTS }, syncedPhone));
    await server.stop();
    await Promise.all(phones.map(({ phone }) => phone.reaches('disconnected')));
    for (const { phone } of phones) phone.statuses.length = 0;
    await server.startAgain({ isEmpty: true });
    prepared = new Prepared(phones);
  });
  afterAll(async () => {
    await prepared.close();
    await server[Symbol.asyncDispose]();
  });

  async function syncedPhone(): Promise<{ phone: Phone }> {
    const phone = await Phone.open(server.url);
    await phone.play('Friday');
    await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
    return { phone };
  }

  async function phoneOfAnotherServer(): Promise<Phone> {
    const { phone } = prepared.take();
    await isIncompatibleAtOnce(phone, 'TOKEN_INVALID');
    return phone;
  }

  test('this device can register anew and upload everything', async () => {
    await using phone = await phoneOfAnotherServer();
    const before = await phone.everything();

    await phone.tidemark.resolve('upload-everything');
    await phone.reaches('synced');

    expect(await phone.everything()).toEqual(before);
    await using other = await phone.pair();
    expect(await other.everything()).toEqual(before);
  });

  test('it can start fresh', async () => {
    await using phone = await phoneOfAnotherServer();

    expect(await phone.tidemark.resolve('start-fresh')).toEqual({ dropped: 0 });
    await phone.reaches('synced');

    expect(await phone.games()).toEqual([]);
  });

  test('it can keep what no server had yet, and take the rest from there', async () => {
    await using phone = await phoneOfAnotherServer();
    await phone.play('Saturday');

    await phone.tidemark.resolve('take-server');
    await phone.reaches('synced');

    expect(await phone.games()).toEqual(['Saturday']);
  });
});

describe('on a server that stays', () => {
  const server = sharedServer();

  test('a device that was revoked says so, and can start fresh or join again', async () => {
    await using owner = await Phone.open(server.url);
    await owner.play('Friday');
    await owner.reaches('synced');
    await using phone = await owner.pair();
    await owner.tidemark.revokeDevice(phone.tidemark.account.get()!.deviceId);
    await isIncompatible(phone, 'DEVICE_REVOKED');
    await phone.play('Unsynced');

    await phone.join(owner, 'bring-along');

    await phone.isInStepWith(owner);
    expect(await owner.games()).toEqual(['Friday', 'Unsynced']);
    await owner.tidemark.revokeDevice(phone.tidemark.account.get()!.deviceId);
    await phone.reaches('incompatible');
    await phone.tidemark.resolve('start-fresh');
    await phone.reaches('synced');
    expect(await phone.games()).toEqual([]);
    expect(phone.tidemark.account.get()!.accountId).not.toBe(owner.tidemark.account.get()!.accountId);
  });

  test('an app that is newer than the server says so, and keeps everything', async () => {
    await using phone = await Phone.open(server.url, { database: await newDatabase(2) });
    await phone.play('Friday');

    await isIncompatibleAtOnce(phone, 'SCHEMA_AHEAD');

    await eventually(() => phone.status.pending === 6);
    expect(await phone.games()).toEqual(['Friday']);
  });

  test('a device away for longer than deletions are remembered loses nothing of its own', async () => {
    await using kitchen = await Phone.open(server.url);
    const gone = await kitchen.play('Gone');
    const kept = await kitchen.play('Kept');
    await kitchen.reaches('synced');
    await using basement = await kitchen.pair();
    await basement.tidemark.stop();
    await basement.update('games', kept, { name: 'Kept, edited' });
    await basement.create('rounds', { game_id: gone, round_number: 2, created_at: 2 });
    await kitchen.remove('games', gone);
    await kitchen.reaches('synced');

    // For the device this equals a pull after the server's retention: a replacement with all the server has.
    await basement.tidemark.resolve('take-server');
    basement.tidemark.start();

    await basement.reaches('synced');
    expect(await basement.games()).toEqual(['Gone', 'Kept, edited']); // 'Gone' stays: it has an unsynced round
    await basement.isInStepWith(kitchen);
  });
});

test('a device that was emptied only halfway gets the server’s data back, instead of showing nothing as all', async () => {
  await using phone = await Phone.open(sharedServer().url);
  await phone.play('Friday');
  await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
  const { localStorage } = phone.database;
  const write = localStorage.set.bind(localStorage);
  localStorage.set = async (key, value) => {
    if (key === 'tidemark_refused') throw new Error('The page was closed.');
    return write(key, value);
  };

  const erasing = phone.tidemark.resolve('start-fresh');

  await expect(erasing).rejects.toThrow('closed');
  await eventually(async () => (await phone.games()).join() === 'Friday');
  await phone.reaches('synced');
});
