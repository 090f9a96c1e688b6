import { openInProcess } from './support/in-process.js';
import { documentState } from '../support/documents.js';
import type { TestDevice } from '../support/device.js';
import { captions } from '../support/live-documents.js';
import { until } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';
import type { SyncStatus } from '../../client/src/light/status.js';
import type { OpenDocument, OpenedDocument } from '../../client/src/documents/live/live-document.js';

/** 1,000 cues of 5 cells. */
const MANY = `INSERT INTO cues (id, text) SELECT 'n' || value, 'text ' || value FROM
  (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n LIMIT 1000) SELECT value FROM n)`;

describe('with a server', () => {
  const app = shareApp('sqlite');

  /** Opens captions in a tab of a device; the test closes it. */
  const opened: OpenedDocument[] = [];
  async function openTab(device: TestDevice, options: Partial<OpenDocument> = {}): Promise<OpenedDocument> {
    const document = await openInProcess({
      server: app().url,
      token: async () => device.accessToken,
      video: 'v1',
      database: 'captions',
      ...options,
    });
    opened.push(document);
    return document;
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((document) => document.close()));
  });

  const state = (document: OpenedDocument, name: string) =>
    until(
      () => document.status.get(),
      (status) => status.state === name,
    );
  const cues = (document: OpenedDocument) => document.db.all('SELECT id, text FROM cues ORDER BY id');
  const cuesBecome = (document: OpenedDocument, expected: object[]) =>
    until(
      () => cues(document),
      (rows) => JSON.stringify(rows) === JSON.stringify(expected),
    );
  const add = (document: OpenedDocument, id: string, text = '') =>
    document.db.tx((tx) => tx.run('INSERT INTO cues (id, text) VALUES (?, ?)', [id, text]));

  test('lock, make, edit: what is written is at the server when the light is green, and a watcher sees it', async () => {
    const device = await app().newDevice();
    const editor = await openTab(device);
    expect(editor.status.get()).toMatchObject({ state: 'disconnected', light: 'grey', pending: 0 });
    await editor.hold({ create: true });
    await add(editor, 'a', 'Hello');
    await state(editor, 'synced');
    expect(await documentState(device, 'v1', 'captions')).toMatchObject({ exists: true, server_version: 2 });

    const watcher = await openTab(device);
    await watcher.watch();
    await state(watcher, 'synced');
    expect(await cues(watcher)).toEqual([{ id: 'a', text: 'Hello' }]);
    const changed: string[][] = [];
    watcher.subscribe(['cues'], (tables) => changed.push([...tables]));
    await editor.db.tx((tx) => tx.run("UPDATE cues SET text = 'Bye' WHERE id = 'a'"));
    await cuesBecome(watcher, [{ id: 'a', text: 'Bye' }]);
    expect(changed).toEqual([['cues']]);
    await expect(add(watcher, 'b')).rejects.toMatchObject({ code: 'LOCK_REQUIRED' });
  });

  test('another user’s lock is named, and taken over; what was typed meanwhile is sent by who holds it next', async () => {
    const device = await app().newDevice();
    const other = await device.pair({ name: 'Ada’s laptop' });
    await captions(device, 'v1', { texts: [] });
    const mine = await openTab(device, { offlineEdits: true });
    const adas = await openTab(other);
    await adas.hold();
    await mine.watch();
    await expect(mine.hold()).rejects.toMatchObject({
      code: 'LOCK_HELD',
      message: expect.stringContaining('Ada’s laptop'),
    });
    await add(mine, 'm1');
    await add(adas, 'a1');
    await state(adas, 'synced');
    expect(
      (
        await until(
          () => mine.status.get(),
          ({ pending }) => pending > 0,
        )
      ).pending,
    ).toBe(5);
    await mine.hold({ takeOver: true });
    await cuesBecome(adas, [
      { id: 'a1', text: '' },
      { id: 'm1', text: '' },
    ]);
    expect(adas.isHolder).toBe(false);
    await state(mine, 'synced');
    await state(adas, 'synced');
    expect(await cues(mine)).toEqual(await cues(adas));
  });

  test('a second tab takes the lock of the first; what the first had not sent goes when it holds again', async () => {
    const device = await app().newDevice();
    await captions(device, 'v1', { texts: ['Hello'] });
    const first = await openTab(device, { offlineEdits: true });
    const second = await openTab(device);
    await first.hold();
    await second.hold();
    await until(
      () => first.isHolder,
      (isHolder) => !isHolder,
    );
    await add(first, 'late');
    const hindered = await state(first, 'attention');
    expect(hindered).toMatchObject({ light: 'amber', pending: 5, reason: { code: 'LOCK_REQUIRED' } });
    await add(second, 'still');
    await state(second, 'synced');
    expect(second.isHolder).toBe(true);
    await first.hold();
    await state(first, 'synced');
    await cuesBecome(second, [
      { id: 'cue-0', text: 'Hello' },
      { id: 'late', text: '' },
      { id: 'still', text: '' },
    ]);
  });

  test('five offline changes read as pending, and arrive', async () => {
    const device = await app().newDevice();
    await captions(device, 'v1', { texts: ['1', '2', '3', '4', '5'] });
    const tab = await openTab(device, { offlineEdits: true });
    await tab.watch();
    await state(tab, 'synced');
    for (let i = 0; i < 5; i += 1) {
      await tab.db.tx((tx) => tx.run('UPDATE cues SET text = ? WHERE id = ?', ['new', `cue-${i}`]));
    }
    expect(tab.status.get().pending).toBe(5);
    // They are not on their way: this tab only watches.
    await state(tab, 'attention');
    expect(tab.status.get()).toMatchObject({ light: 'amber', reason: { code: 'LOCK_REQUIRED' } });
    await tab.hold();
    await state(tab, 'synced');
    expect(tab.status.get().pending).toBe(0);
    await tab.release();
    expect(await documentState(device, 'v1', 'captions')).toMatchObject({ lock: null });
    const fresh = await openTab(device);
    await fresh.watch();
    expect(await fresh.db.get('SELECT count(*) AS n FROM cues WHERE text = ?', ['new'])).toEqual({ n: 5 });
  });

  test('a document that has begun anew is downloaded again by who has nothing pending', async () => {
    const device = await app().newDevice();
    await captions(device, 'v1', { texts: ['old'] });
    const tab = await openTab(device);
    await tab.watch();
    await state(tab, 'synced');
    let told = 0;
    tab.subscribe(['cues'], () => (told += 1));
    await captions(device, 'v1', { texts: ['new'] });
    await cuesBecome(tab, [{ id: 'cue-0', text: 'new' }]);
    await state(tab, 'synced');
    expect(told).toBeGreaterThan(0);
  });

  test.each(['replay', 'export', 'discard'] as const)(
    'a document that has begun anew while changes are pending asks first: %s',
    async (way) => {
      const device = await app().newDevice();
      await captions(device, 'v1', { texts: ['old', 'gone'] });
      const tab = await openTab(device, { offlineEdits: true });
      await tab.watch();
      await state(tab, 'synced');
      await tab.db.tx((tx) => tx.run("UPDATE cues SET text = 'mine' WHERE id = 'cue-0'"));
      await tab.db.tx((tx) => tx.run("DELETE FROM cues WHERE id = 'cue-1'"));
      await captions(device, 'v1', { texts: ['new', 'here again'] });
      const asked = await state(tab, 'incompatible');
      expect(asked).toMatchObject({ light: 'red', pending: 2, reason: { code: 'EPOCH_CHANGED' } });
      expect(await cues(tab)).toEqual([{ id: 'cue-0', text: 'mine' }]);

      const { pending, cells } = await tab.reset({ pending: way });
      expect(pending).toBe(2);
      expect(cells.map(({ key, value, isDeleted }) => ({ key, value, isDeleted }))).toEqual(
        way === 'export'
          ? [
              { key: ['cue-0'], value: 'mine', isDeleted: false },
              { key: ['cue-1'], value: null, isDeleted: true },
            ]
          : [],
      );
      await tab.hold();
      await state(tab, 'synced');
      const fresh = await openTab(device);
      await fresh.watch();
      expect(await cues(fresh)).toEqual(
        way === 'replay'
          ? [{ id: 'cue-0', text: 'mine' }]
          : [
              { id: 'cue-0', text: 'new' },
              { id: 'cue-1', text: 'here again' },
            ],
      );
      expect(await cues(tab)).toEqual(await cues(fresh));
    },
  );

  test('5,000 rows show how far they are, and bytes, while they are sent and while they come', async () => {
    const device = await app().newDevice();
    await captions(device, 'v1', { texts: [] });
    const progresses: Record<string, NonNullable<SyncStatus['progress']>[]> = { sent: [], came: [] };
    const note = (name: string) => (status: SyncStatus) =>
      void (status.progress && progresses[name]!.push(status.progress));
    const watcher = await openTab(device, { onStatus: note('came') });
    await watcher.watch();
    await state(watcher, 'synced');
    await watcher.close();
    const tab = await openTab(device, { offlineEdits: true, onStatus: note('sent') });
    await tab.watch();
    await tab.db.tx((tx) => tx.run(MANY));
    expect(tab.status.get().pending).toBe(5_000);
    await tab.hold();
    await state(tab, 'synced');
    const sent = progresses.sent!.filter(({ phase }) => phase === 'upload');
    expect(sent[0]).toMatchObject({ totalRows: 5_000 });
    expect(sent.map(({ rows }) => rows)).toEqual(sent.map(({ rows }) => rows).sort((a, b) => a - b));
    expect(
      sent.some(({ rows, bytes, totalBytes }) => rows > 0 && bytes > 10_000 && totalBytes! >= bytes),
    ).toBe(true);
  });

  test('a device that is taken off stops, and says why', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    await captions(device, 'v1', { texts: [] });
    const tab = await openTab(other);
    await tab.watch();
    await state(tab, 'synced');
    await device.request('DELETE', `/auth/devices/${other.deviceId}`);
    expect(await state(tab, 'incompatible')).toMatchObject({
      light: 'red',
      reason: { code: 'DEVICE_REVOKED' },
    });
  });

  test('a document that is not there is not waited for', async () => {
    const device = await app().newDevice();
    const tab = await openTab(device);
    await expect(tab.watch()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(tab.status.get()).toMatchObject({ state: 'incompatible', reason: { code: 'NOT_FOUND' } });
  });
});
