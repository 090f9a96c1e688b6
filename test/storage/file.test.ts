import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openStorage } from '../../src/storage/open.js';
import type { ObjectStorage } from '../../src/storage/storage.js';
import { makeScratchDir } from '../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { acceptStorage } from './acceptance.js';
import { sourceOf, whole } from './objects.js';

const KEY = 'account/videos/video/layout/1-1-random.db.gz';
const HOUR_MS = 3_600_000;

describe('a folder', () => {
  acceptStorage(async () => ({ env: {}, dispose: async () => {} }));

  let root: string;
  let folder: string;
  beforeEach(() => {
    root = makeScratchDir('files');
    folder = join(root, 'storage');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const open = (storageUrl = `file:${folder}`): Promise<ObjectStorage> =>
    openStorage(loadConfig({ env: { DATA_DIR: root, STORAGE_URL: storageUrl } }), Date.now);
  const filesIn = (path: string): string[] =>
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  test('is the one that STORAGE_URL names, or one in the data folder', async () => {
    for (const [url, place] of [
      [`file:${folder}`, folder],
      [`file://${root}/else%20where`, join(root, 'else where')],
      ['', join(root, 'storage')],
    ] as const) {
      await (await open(url)).write(KEY, sourceOf(Buffer.from('x')));
      expect(filesIn(place)).toEqual([join(place, KEY)]);
    }
  });

  test('is for the server’s user alone', async () => {
    await (await open()).write(KEY, sourceOf(Buffer.from('x')));
    const mode = (path: string): number => statSync(path).mode & 0o777;
    expect(mode(join(folder, KEY))).toBe(0o600);
    for (const path of ['.', 'account', 'account/videos', 'account/videos/video', '+unfinished']) {
      expect([path, mode(join(folder, path))]).toEqual([path, 0o700]);
    }
  });

  test('keeps nothing of a source that fails', async () => {
    const storage = await open();
    const failing = sourceOf(randomBytes(5_000_000), new Error('The source broke.'));
    await expect(storage.write(KEY, failing)).rejects.toThrow('The source broke.');
    expect(filesIn(folder)).toEqual([]);
  });

  test('is rid of what killed processes left unfinished, but not of what may still grow', async () => {
    await open();
    const [left, growing] = ['left', 'growing'].map((name) => join(folder, '+unfinished', name));
    for (const path of [left!, growing!]) writeFileSync(path, 'half');
    const longAgo = new Date(Date.now() - HOUR_MS - 60_000);
    utimesSync(left!, longAgo, longAgo);
    await open();
    expect(filesIn(folder)).toEqual([growing]);
  });

  test('leads nowhere else by a link in it', async () => {
    const storage = await open();
    writeFileSync(join(root, 'secret'), 'secret');
    mkdirSync(join(folder, 'account'));
    execFileSync('ln', ['-s', join(root, 'secret'), join(folder, 'account', 'link')]);
    await expect(storage.read('account/link')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  test('that is gone is said to be unavailable, and said without its path', async () => {
    const storage = await open();
    rmSync(folder, { recursive: true });
    const error: unknown = await storage
      .write(KEY, sourceOf(Buffer.from('x')))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', message: 'The storage failed (ENOENT).' });
  });
});

describeWithSmallDisk('a small disk', () => {
  let disk: SmallDisk;
  let storage: ObjectStorage;
  beforeAll(async () => {
    disk = SmallDisk.mount(4);
    storage = await openStorage(loadConfig({ env: { DATA_DIR: disk.path } }), Date.now);
  });
  afterAll(() => disk[Symbol.dispose]());

  test('that is full keeps the old object, says so, and takes new ones when there is room', async () => {
    await storage.write(KEY, sourceOf(Buffer.alloc(1_000_000, 1)));
    const full = { code: 'STORAGE_UNAVAILABLE', message: 'The storage is full.' };
    await expect(storage.write(KEY, sourceOf(randomBytes(6_000_000)))).rejects.toMatchObject(full);
    expect((await whole(storage, KEY)).equals(Buffer.alloc(1_000_000, 1))).toBe(true);
    expect(readdirSync(join(disk.path, 'storage', '+unfinished'))).toEqual([]);
    await storage.write(KEY, sourceOf(Buffer.alloc(2_000_000, 2)));
    expect(await storage.stat(KEY)).toEqual({ sizeBytes: 2_000_000 });
  });

  test('that can only be read keeps the old object, and says so', async () => {
    await storage.write(KEY, sourceOf(Buffer.from('old')));
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    try {
      const readOnly = { code: 'STORAGE_UNAVAILABLE', message: 'The storage can only be read.' };
      await expect(storage.write(KEY, sourceOf(Buffer.from('new')))).rejects.toMatchObject(readOnly);
      await expect(storage.remove(KEY)).rejects.toMatchObject(readOnly);
      expect(String(await whole(storage, KEY))).toBe('old');
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk.path]);
    }
  });
});
