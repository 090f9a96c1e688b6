import { dropOrphans, keepUnsynced, markAllCreated } from '../../../client/src/records/recovery';
import { SyncedTables } from '../../../client/src/records/synced-tables';
import { parents, schema } from '../../src/database/schema';
import { Phone } from '../support/phone';

const tables = new SyncedTables(schema, parents);

describe('marks', () => {
  test('what is unsynced is kept with all that owns it, and nothing else', async () => {
    await using phone = await Phone.open('');
    const { database } = phone;
    const game = await phone.play('Friday');
    const other = await phone.play('Saturday');
    await markSynced(phone);
    const [score] = (await phone.everything()).scores!;
    await phone.update('scores', score!.id, { raw_score: 6 });

    await keepUnsynced(database, tables);

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

    await markAllCreated(phone.database, tables, { isOursNewer: false });
    expect(await changedColumns(phone, game)).toEqual(['name']);
    await markAllCreated(phone.database, tables, { isOursNewer: true });
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

    expect(await dropOrphans(phone.database, tables)).toEqual({ game_players: 2, rounds: 1, scores: 2 });

    expect((await phone.everything()).scores).toHaveLength(2);
    expect(await dropOrphans(phone.database, tables)).toEqual({});
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
