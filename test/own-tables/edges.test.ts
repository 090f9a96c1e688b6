import { ref, text } from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { clockOf, liveRows, push, store } from '../support/exchange.js';
import { Phone } from '../support/phone.js';

/** Declarations at the edge of what is possible. */
forEachDatabase((database) => {
  test('a table may have 400 columns', async () => {
    const columns = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`c${n}`, text()]));
    const schema = declareSchema({ wide: { since: 1, columns } });
    await using app = await startApp(database, { schema });
    const device = await app.newDevice();
    const row = { id: 'w1', ...Object.fromEntries(Object.keys(columns).map((name) => [name, name])) };
    await store(device, { wide: [row] });
    expect(await liveRows(device)).toEqual({ wide: [row] });
  });

  test('a table may own itself: deleting a row deletes the whole tree below it', async () => {
    const schema = declareSchema({
      folders: { since: 1, columns: { folder_id: ref('folders'), name: text() } },
    });
    await using app = await startApp(database, { schema });
    const phone = await Phone.open(app.url, { schema });
    const top = await phone.create('folders', { folder_id: '', name: 'top' });
    const middle = await phone.create('folders', { folder_id: top, name: 'middle' });
    await phone.create('folders', { folder_id: middle, name: 'leaf' });
    const other = await phone.create('folders', { folder_id: '', name: 'other' });
    await phone.sync();
    await phone.delete('folders', top);
    await phone.sync();
    await phone.sync();
    expect(await phone.rows('folders')).toMatchObject([{ id: other }]);
  });

  test('tables may own each other in a circle: a deletion goes round once', async () => {
    const schema = declareSchema({
      hens: { since: 1, columns: { egg_id: ref('eggs') } },
      eggs: { since: 1, columns: { hen_id: ref('hens') } },
    });
    await using app = await startApp(database, { schema });
    const device = await app.newDevice();
    await store(device, {
      hens: [
        { id: 'h1', egg_id: 'e1' },
        { id: 'h2', egg_id: 'e2' },
      ],
      eggs: [
        { id: 'e1', hen_id: 'h1' },
        { id: 'e2', hen_id: 'h3' },
      ],
    });
    await push(device, { hens: { created: [], updated: [], deleted: ['h1'] } }, await clockOf(device));
    expect(await liveRows(device)).toEqual({
      hens: [{ id: 'h2', egg_id: 'e2' }],
      eggs: [{ id: 'e2', hen_id: 'h3' }],
    });
  });
});
