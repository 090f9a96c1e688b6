import { SyncError } from '../../examples/watermelondb/sync.js';
import { forEachDatabase } from '../support/app.js';
import { liveRows } from '../support/exchange.js';
import { Phone, type PhoneOptions } from '../support/phone.js';
import { shareApp } from '../support/shared-app.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  /** Two phones of one account, both holding the game `g`. */
  async function twoPhones(options?: PhoneOptions): Promise<[kitchen: Phone, basement: Phone]> {
    const kitchen = await Phone.open(app().url, { name: 'kitchen', ...options });
    const basement = await kitchen.pair({ name: 'basement', ...options });
    await kitchen.create('games', { name: 'Friday', target_score: 100 }, 'g');
    await kitchen.sync();
    await basement.sync();
    await kitchen.sync();
    return [kitchen, basement];
  }

  async function expectAllEqual(...phones: Phone[]): Promise<void> {
    for (const phone of [...phones, ...phones]) await phone.sync();
    const rows = await liveRows(phones[0]!.device);
    for (const phone of phones) {
      expect(await phone.everything()).toEqual(rows);
      expect(await phone.unsyncedCount()).toBe(0);
    }
  }

  test('edits of different columns of one row are both kept', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await basement.update('games', 'g', { target_score: 150 });

    await kitchen.sync();
    await basement.sync();
    await expectAllEqual(kitchen, basement);

    expect(await kitchen.find('games', 'g')).toMatchObject({ name: 'Saturday', target_score: 150 });
  });

  test('of two edits of one column the one pushed last is kept', async () => {
    const [kitchen, basement] = await twoPhones();
    await basement.update('games', 'g', { name: 'Basement' });
    await kitchen.update('games', 'g', { name: 'Kitchen' });

    await kitchen.sync();
    await basement.sync();
    await expectAllEqual(kitchen, basement);

    expect(await kitchen.find('games', 'g')).toMatchObject({ name: 'Basement' });
  });

  test('a custom resolver decides what a merged row looks like', async () => {
    const conflictResolver: PhoneOptions['conflictResolver'] = (table, local, remote, resolved) =>
      table === 'games'
        ? { ...resolved, target_score: Math.max(local.target_score, remote.target_score) }
        : resolved;
    const [kitchen, basement] = await twoPhones({ conflictResolver });
    await kitchen.update('games', 'g', { target_score: 300 });
    await basement.update('games', 'g', { target_score: 200, name: 'Basement' });

    await kitchen.sync();
    await basement.sync();
    await expectAllEqual(kitchen, basement);

    expect(await kitchen.find('games', 'g')).toMatchObject({ target_score: 300, name: 'Basement' });
  });

  test('a row deleted elsewhere takes a local edit with it', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.delete('games', 'g');
    await basement.update('games', 'g', { name: 'Too late' });

    await kitchen.sync();
    await basement.sync();

    expect(await basement.find('games', 'g')).toBeNull();
    await expectAllEqual(kitchen, basement);
  });

  test('a local deletion holds against an edit made elsewhere meanwhile', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.delete('games', 'g');
    await basement.update('games', 'g', { name: 'Edited' });

    await basement.sync();
    await kitchen.sync();
    await expectAllEqual(kitchen, basement);

    expect(await basement.find('games', 'g')).toBeNull();
  });

  test('both devices deleting one row is no conflict', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.delete('games', 'g');
    await basement.delete('games', 'g');

    await kitchen.sync();
    await basement.sync();
    await expectAllEqual(kitchen, basement);

    expect(basement.network.count('push', 409)).toBe(0);
  });

  test('what others push while a push is under way arrives with the next pull', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await basement.create('games', { name: 'Elsewhere' }, 'other');
    kitchen.network.next('push', { before: () => basement.sync() });

    await kitchen.sync();
    expect(kitchen.network.last('push').status).toBe(200);
    // The other device's stamp is below the push answer's: with that as last_pulled_at the row would be lost.
    expect(basement.network.last('push').answered.timestamp).toBeLessThan(
      kitchen.network.last('push').answered.timestamp,
    );
    expect(await kitchen.find('games', 'other')).toBeNull();
    await kitchen.sync();

    expect(await kitchen.find('games', 'other')).toMatchObject({ name: 'Elsewhere' });
    await expectAllEqual(kitchen, basement);
  });

  test('what others push while the push answer is on its way arrives with the next pull', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await basement.update('games', 'g', { target_score: 150 });
    kitchen.network.next('push', { after: () => basement.sync() });

    await kitchen.sync();
    await kitchen.sync();

    expect(await kitchen.find('games', 'g')).toMatchObject({ name: 'Saturday', target_score: 150 });
    await expectAllEqual(kitchen, basement);
  });

  test('a row changed by another device between pull and push is merged and pushed again at once', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await kitchen.create('games', { name: 'Along with it' }, 'h');
    await basement.update('games', 'g', { target_score: 150, name: 'Sunday' });
    kitchen.network.exchanges.length = 0;
    kitchen.network.next('push', { before: () => basement.sync() });

    await kitchen.sync();

    expect(kitchen.network.exchanges.map(({ request, status }) => `${request} ${status}`)).toEqual([
      'pull 200',
      'push 409',
      'pull 200',
      'push 200',
    ]);
    expect(await kitchen.find('games', 'g')).toMatchObject({ name: 'Saturday', target_score: 150 });
    await expectAllEqual(kitchen, basement);
    expect(await basement.find('games', 'h')).toMatchObject({ name: 'Along with it' });
  });

  test('a refused push leaves nothing of itself behind', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await kitchen.create('games', { name: 'Along with it' }, 'h');
    await basement.update('games', 'g', { target_score: 150 });
    let afterRefusal: Record<string, unknown[]> = {};
    kitchen.network.next('push', {
      before: () => basement.sync(),
      after: async () => void (afterRefusal = await liveRows(kitchen.device)),
    });

    await kitchen.sync();

    expect(afterRefusal.games).toEqual([
      expect.objectContaining({ id: 'g', name: 'Friday', target_score: 150 }),
    ]);
    await expectAllEqual(kitchen, basement);
  });

  test('a row deleted by another device between pull and push is deleted here too', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    await basement.delete('games', 'g');
    kitchen.network.next('push', { before: () => basement.sync() });

    await kitchen.sync();

    expect(kitchen.network.count('push', 409)).toBe(1);
    expect(await kitchen.find('games', 'g')).toBeNull();
    await expectAllEqual(kitchen, basement);
  });

  test('a second conflict in a row is reported with its rows; nothing is lost and the next sync settles it', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.update('games', 'g', { name: 'Saturday' });
    const interfere = (score: number) => async (): Promise<void> => {
      await basement.update('games', 'g', { target_score: score });
      await basement.sync();
    };
    kitchen.network.next('push', { before: interfere(150) });
    kitchen.network.next('push', { before: interfere(175) });

    const error = await kitchen.sync().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SyncError);
    expect(error).toMatchObject({ code: 'PUSH_CONFLICT', status: 409, hint: expect.stringMatching(/pull/i) });
    expect(JSON.stringify((error as SyncError).problem)).toContain('"id":"g"');
    expect(await kitchen.unsyncedCount()).toBe(1);

    await kitchen.sync();
    await expectAllEqual(kitchen, basement);
    expect(await basement.find('games', 'g')).toMatchObject({ name: 'Saturday', target_score: 175 });
  });
});
