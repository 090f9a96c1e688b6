import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openStorage } from '../../src/storage/open.js';
import { putPacked } from '../../src/uploads/put-packed.js';
import { until } from '../support/exchange.js';
import { makeScratchDir } from '../support/scratch.js';
import { filesIn, objectsIn } from './world.js';

const KEY = 'account/videos/v1/layout/1-1-random.db.gz';

describe('packing into object storage', () => {
  let root: string;
  let folder: string;
  let file: string;
  beforeEach(() => {
    root = makeScratchDir('pack');
    folder = join(root, 'objects');
    file = join(root, 'content.db');
    writeFileSync(file, randomBytes(5_000_000));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const open = () => {
    const env = { DATA_DIR: root, STORAGE_URL: `file:${folder}`, JWT_SECRET: 'x'.repeat(32) };
    return openStorage(loadConfig({ argv: [], env }), Date.now);
  };
  const unfinishedBytes = () =>
    filesIn(join(folder, '+unfinished')).reduce(
      (sum, name) => sum + readFileSync(join(folder, '+unfinished', name)).length,
      0,
    );

  test('the object appears when the check has passed, not before', async () => {
    let pass!: () => void;
    const checked = new Promise<void>((resolve) => (pass = resolve));
    const putting = putPacked(await open(), KEY, file, checked, new AbortController().signal);
    await until(unfinishedBytes, (bytes) => bytes > 4_000_000);
    expect(objectsIn(folder)).toEqual([]);
    pass();
    const { sizeBytes } = await putting;
    const object = readFileSync(join(folder, KEY));
    expect(object).toHaveLength(sizeBytes);
    expect(gunzipSync(object).equals(readFileSync(file))).toBe(true);
  });

  test('of content that does not pass nothing is left, and the check says why', async () => {
    let fail!: (error: Error) => void;
    const checked = new Promise<void>((_, reject) => (fail = reject));
    const putting = putPacked(await open(), KEY, file, checked, new AbortController().signal);
    await until(unfinishedBytes, (bytes) => bytes > 4_000_000);
    fail(new Error('damaged'));
    await expect(putting).rejects.toThrow('damaged');
    expect(filesIn(folder)).toEqual([]);
  });

  test('broken off it leaves nothing', async () => {
    const stop = new AbortController();
    const putting = putPacked(await open(), KEY, file, Promise.resolve(), stop.signal);
    stop.abort(new Error('no time left'));
    await expect(putting).rejects.toThrow('no time left');
    expect(filesIn(folder)).toEqual([]);
  });
});
