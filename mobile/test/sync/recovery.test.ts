import { dropOrphans, keepUnsynced, markAllCreated } from '../../src/sync/recovery';
import { newDatabase } from '../support/new-database';
import { eventually, Phone } from '../support/phone';
import { Server } from '../support/server';

const WITHIN_MS = 10_000;

/** Waits for `incompatible`, which is due within 10 s. */
async function isIncompatible(phone: Phone, code: string): Promise<void> {
  const started = Date.now();
  await phone.reaches('incompatible');
  expect(Date.now() - started).toBeLessThan(WITHIN_MS);
  expect(phone.status.reason).toMatchObject({ code, hint: expect.stringMatching(/\w/) });
}

describe('after an older backup was put back', () => {
  let server: Server;
  beforeAll(async () => void (server = await Server.start()));
  afterAll(() => server[Symbol.asyncDispose]());

  /**
   * A phone with games from before and after the backup, and with changes that no server ever had: a new name for each
   * of them, and a round in the later one.
   */
  async function phoneAfterRestore(): Promise<{
    phone: Phone;
    early: string;
    late: string;
    untouched: string;
  }> {
    const phone = await Phone.open(server.url);
    const early = await phone.play('Before');
    await phone.reaches('synced');
    const restore = await server.backUp();
    const late = await phone.play('After');
    const untouched = await phone.play('After, untouched');
    await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
    await phone.sync.stop();
    await phone.update('games', early, { name: 'Before, edited' });
    await phone.create('rounds', { game_id: late, round_number: 2, created_at: 2 });
    await restore();
    phone.sync.start();
    await isIncompatible(phone, 'HISTORY_CHANGED');
    return { phone, early, late, untouched };
  }

  test('nothing is sent or thrown away until somebody decides', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;

    phone.sync.retry();
    await phone.sync.runOnce();

    expect(phone.status.state).toBe('incompatible');
    expect(await phone.games()).toEqual(['After', 'After, untouched', 'Before, edited']);
    expect(await phone.session.countUnsynced()).toBe(2);
  });

  test('the server’s data can be taken, with what is unsynced here on top', async () => {
    const { phone, late } = await phoneAfterRestore();
    await using _ = phone;

    expect(await phone.sync.recover('take-server')).toEqual({ dropped: 0 });
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
    await phone.sync.recover('take-server');
    await phone.update('games', untouched, { name: 'Edited meanwhile' });

    await server.startAgain();

    await phone.reaches('synced');
    expect(await phone.games()).toEqual(['After', 'Before, edited', 'Edited meanwhile']);
  });

  test('everything from this device can be uploaded', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;
    const before = await phone.everything();

    expect(await phone.sync.recover('upload-everything')).toEqual({ dropped: 0 });
    await phone.reaches('synced');

    expect(await phone.everything()).toEqual(before);
    await using other = await phone.pair();
    expect(await other.everything()).toEqual(before);
  });

  test('starting fresh gives up what is unsynced, and says how much that was', async () => {
    const { phone } = await phoneAfterRestore();
    await using _ = phone;

    expect(await phone.sync.recover('start-fresh')).toEqual({ dropped: 2 });
    await phone.reaches('synced');

    expect(await phone.games()).toEqual(['Before']);
  });
});

describe('after the server was replaced by an empty one', () => {
  let server: Server;
  beforeAll(async () => void (server = await Server.start()));
  afterAll(() => server[Symbol.asyncDispose]());

  async function phoneOfAnotherServer(): Promise<Phone> {
    const phone = await Phone.open(server.url);
    await phone.play('Friday');
    await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
    await server.startAgain({ isEmpty: true });
    await isIncompatible(phone, 'TOKEN_INVALID');
    return phone;
  }

  test('this device can register anew and upload everything', async () => {
    await using phone = await phoneOfAnotherServer();
    const before = await phone.everything();

    await phone.sync.recover('upload-everything');
    await phone.reaches('synced');

    expect(await phone.everything()).toEqual(before);
    await using other = await phone.pair();
    expect(await other.everything()).toEqual(before);
  });

  test('it can start fresh', async () => {
    await using phone = await phoneOfAnotherServer();

    expect(await phone.sync.recover('start-fresh')).toEqual({ dropped: 0 });
    await phone.reaches('synced');

    expect(await phone.games()).toEqual([]);
  });

  test('it can keep what no server had yet, and take the rest from there', async () => {
    await using phone = await phoneOfAnotherServer();
    await phone.play('Saturday');

    await phone.sync.recover('take-server');
    await phone.reaches('synced');

    expect(await phone.games()).toEqual(['Saturday']);
  });
});

describe('on a server that stays', () => {
  let server: Server;
  beforeAll(async () => void (server = await Server.start()));
  afterAll(() => server[Symbol.asyncDispose]());

  test('a device that was revoked says so, and can start fresh or join again', async () => {
    await using owner = await Phone.open(server.url);
    await owner.play('Friday');
    await owner.reaches('synced');
    await using phone = await owner.pair();
    await owner.session.revokeDevice(phone.session.account.get()!.deviceId);
    await isIncompatible(phone, 'DEVICE_REVOKED');
    await phone.play('Unsynced');

    await phone.join(owner, 'bring-along');

    await phone.isInStepWith(owner);
    expect(await owner.games()).toEqual(['Friday', 'Unsynced']);
    await owner.session.revokeDevice(phone.session.account.get()!.deviceId);
    await phone.reaches('incompatible');
    await phone.sync.recover('start-fresh');
    await phone.reaches('synced');
    expect(await phone.games()).toEqual([]);
    expect(phone.session.account.get()!.accountId).not.toBe(owner.session.account.get()!.accountId);
  });

  test('an app that is newer than the server says so, and keeps everything', async () => {
    await using phone = await Phone.open(server.url, { database: await newDatabase(2) });
    await phone.play('Friday');

    await isIncompatible(phone, 'SCHEMA_AHEAD');

    await eventually(() => phone.status.pending === 6);
    expect(await phone.games()).toEqual(['Friday']);
  });

  test('a device away for longer than deletions are remembered loses nothing of its own', async () => {
    await using kitchen = await Phone.open(server.url);
    const gone = await kitchen.play('Gone');
    const kept = await kitchen.play('Kept');
    await kitchen.reaches('synced');
    await using basement = await kitchen.pair();
    await basement.sync.stop();
    await basement.update('games', kept, { name: 'Kept, edited' });
    await basement.create('rounds', { game_id: gone, round_number: 2, created_at: 2 });
    await kitchen.remove('games', gone);
    await kitchen.reaches('synced');

    // What the server answers after its retention, seen from here: all it has, to replace what is here.
    await basement.sync.recover('take-server');
    basement.sync.start();

    await basement.reaches('synced');
    expect(await basement.games()).toEqual(['Gone', 'Kept, edited']); // its round is nowhere else
    await basement.isInStepWith(kitchen);
  });
});

test('a device that was emptied only halfway gets the server’s data back, instead of showing nothing as all', async () => {
  await using server = await Server.start();
  await using phone = await Phone.open(server.url);
  await phone.play('Friday');
  await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
  const { localStorage } = phone.database;
  const write = localStorage.set.bind(localStorage);
  localStorage.set = async (key, value) => {
    if (key === 'tidemark_refused') throw new Error('The page was closed.');
    return write(key, value);
  };

  const erasing = phone.sync.whileStopped(() => phone.sync.localData.erase());

  await expect(erasing).rejects.toThrow('closed');
  await eventually(async () => (await phone.games()).join() === 'Friday');
  await phone.reaches('synced');
});

describe('marks', () => {
  test('what is unsynced is kept with all that owns it, and nothing else', async () => {
    await using phone = await Phone.open('');
    const { database } = phone;
    const game = await phone.play('Friday');
    const other = await phone.play('Saturday');
    await markSynced(phone);
    const [score] = (await phone.everything()).scores!;
    await phone.update('scores', score!.id, { raw_score: 6 });

    await keepUnsynced(database);

    const created = await createdRows(phone);
    const round = (await phone.find('scores', score!.id))!.round_id as string;
    const owningGame = (await phone.find('rounds', round))!.game_id as string;
    expect([game, other]).toContain(owningGame);
    expect(created.sort()).toEqual([score!.id, score!.player_id, round, owningGame].map(String).sort());
  });

  test('uploading everything lets this device’s columns win, bringing along only those edited here', async () => {
    await using phone = await Phone.open('');
    const game = await phone.create('games', { name: 'Friday' });
    await markSynced(phone);
    await phone.update('games', game, { name: 'Saturday' });

    await markAllCreated(phone.database, { isOursNewer: false });
    expect(await changedColumns(phone, game)).toEqual(['name']);
    await markAllCreated(phone.database, { isOursNewer: true });
    expect(await changedColumns(phone, game)).toEqual(
      expect.arrayContaining(['name', 'target_score', 'status']),
    );
  });

  test('what was kept although its owner is gone is dropped, with all below it', async () => {
    await using phone = await Phone.open('');
    const game = await phone.play('Friday');
    await phone.play('Saturday');
    await phone.database.write(async () =>
      (await phone.database.get('games').find(game)).destroyPermanently(),
    );

    expect(await dropOrphans(phone.database)).toEqual({ game_players: 2, rounds: 1, scores: 2 });

    expect((await phone.everything()).scores).toHaveLength(2);
    expect(await dropOrphans(phone.database)).toEqual({});
  });
});

async function markSynced({ database }: Phone): Promise<void> {
  await database.write(async () => {
    for (const collection of Object.values(database.collections.map)) {
      const records = await collection.query().fetch();
      await database.batch(
        records.map((record) =>
          record.prepareUpdate(() => Object.assign(record._raw, { _status: 'synced', _changed: '' })),
        ),
      );
    }
  });
}

async function createdRows({ database }: Phone): Promise<string[]> {
  const records = await Promise.all(
    Object.values(database.collections.map).map((one) => one.query().fetch()),
  );
  return records.flat().flatMap((record) => (record.syncStatus === 'created' ? [record.id] : []));
}

async function changedColumns({ database }: Phone, gameId: string): Promise<string[]> {
  return (await database.get('games').find(gameId))._raw._changed.split(',');
}
