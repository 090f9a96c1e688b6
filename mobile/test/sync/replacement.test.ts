import { Phone } from '../support/phone';
import { Server } from '../support/server';

test('when the unsynced rows cannot be marked, the data is not replaced, and nothing unsynced is lost', async () => {
  await using server = await Server.start();
  await using phone = await Phone.open(server.url);
  const game = await phone.create('games', { name: 'Friday' });
  await phone.reaches('synced');
  await phone.tidemark.stop();
  await phone.update('games', game, { name: 'Saturday' });
  await server.startAgain({ isEmpty: true });
  phone.tidemark.start();
  await phone.reaches('incompatible');
  const { underlyingAdapter } = phone.database.adapter;
  const query = underlyingAdapter.query.bind(underlyingAdapter);
  let hasFailed = false;
  jest.spyOn(underlyingAdapter, 'query').mockImplementation((wanted, done) => {
    if (hasFailed) return query(wanted, done);
    hasFailed = true;
    done({ error: new Error('The disk fails.') });
  });

  await phone.tidemark.resolve('take-server');

  await phone.reaches('synced');
  expect(hasFailed).toBe(true);
  expect(await phone.games()).toEqual(['Saturday']);
});
