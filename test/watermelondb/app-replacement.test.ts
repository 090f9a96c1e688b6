import { quietLog } from '../../mobile/src/database/quiet-log.js';
import { eventually, Phone } from '../../mobile/test/support/phone.js';
import { RetentionService } from '../../src/sync/retention.service.js';
import { startApp } from '../support/app.js';
import { TestClock } from '../support/shared-app.js';

const DAY_MS = 86_400_000;
quietLog();

test('the app away for longer than deletions are remembered keeps what is unsynced, edits of synced rows too', async () => {
  const clock = new TestClock();
  await using app = await startApp('sqlite', { now: clock.now, env: { TOMBSTONE_RETENTION_DAYS: '30' } });
  await using kitchen = await Phone.open(app.url, { name: 'Kitchen phone' });
  const forgotten = await kitchen.play('Forgotten');
  const edited = await kitchen.play('Edited there');
  const remembered = await kitchen.play('Deleted lately');
  await eventually(() => kitchen.status.pending === 0 && kitchen.status.state === 'synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });
  await basement.tidemark.stop();
  const [round] = (await basement.everything()).rounds!.filter(({ game_id }) => game_id === edited);
  await basement.update('games', edited, { name: 'Edited below' });
  await basement.update('rounds', round!.id, { round_number: 7 });
  await basement.create('rounds', { game_id: remembered, round_number: 2, created_at: 2 });
  await kitchen.remove('games', forgotten);
  await eventually(() => kitchen.status.pending === 0 && kitchen.status.state === 'synced');
  clock.ms += 31 * DAY_MS;
  await app.nest.get(RetentionService).purge();
  await kitchen.remove('games', remembered);
  await eventually(() => kitchen.status.pending === 0);

  basement.tidemark.start();

  await basement.isInStepWith(kitchen);
  expect(await kitchen.games()).toEqual(['Edited below']);
  expect(await kitchen.find('rounds', round!.id)).toMatchObject({ round_number: 7 });
  expect(basement.tidemark.notices.get()).toMatchObject([{ kind: 'dropped' }]);
});
