import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import BetterSqlite from 'better-sqlite3';
import { EnginePool } from '../../../../src/documents/live/engine/engine-pool.js';
import type { ChangesChunk, LiveDatabase } from '../../../../src/documents/live/engine/live-database.js';
import { decodeChanges } from '../../../../src/protocol/changes-codec.js';
import {
  bodyOf,
  contentsOf,
  kindNamed,
  makeCopy,
  newPath,
  packedKey,
  type NamedRow,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../../support/small-disk.js';

const folder = makeScratchDir('pool');
const kind = kindNamed('captions');
const pools: EnginePool[] = [];
const SITE = '0123456789abcdef0123456789abcdef';
const MAX_BYTES = 50_000_000;

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.onModuleDestroy()));
  rmSync(folder, { recursive: true });
});

function newPool(options: { threads?: number; maxOpenPerThread?: number } = { threads: 1 }): EnginePool {
  const pool = new EnginePool(options);
  pools.push(pool);
  return pool;
}

async function newCopy(rows = ''): Promise<string> {
  const path = newPath(folder);
  await makeCopy(path, kind, rows);
  return path;
}

function open(pool: EnginePool, path: string): Promise<LiveDatabase> {
  return pool.open(path, kind, { maxBytes: MAX_BYTES });
}

function text(id: string, value: string, colVersion = 1): NamedRow {
  return { table: 'cues', key: packedKey(id), column: 'text', value, colVersion };
}

async function store(database: LiveDatabase, ...rows: NamedRow[]): Promise<number> {
  const { version } = await database.apply(bodyOf(SITE, rows), SITE);
  if (version > database.version) await database.commit();
  return version;
}

function textsIn(path: string): unknown[] {
  const file = new BetterSqlite(path, { readonly: true });
  try {
    return file.prepare('SELECT text FROM cues ORDER BY text').pluck().all();
  } finally {
    file.close();
  }
}

async function chunksOf(database: LiveDatabase, after: number, upTo: number): Promise<ChangesChunk[]> {
  const chunks = [];
  for await (const chunk of database.read(after, upTo)) chunks.push(chunk);
  return chunks;
}

test('a batch is one version, is read back, copied, and is in the file', async () => {
  const path = await newCopy();
  const database = await open(newPool(), path);
  expect(database.version).toBe(1);
  const body = bodyOf(SITE, [text('a', 'one'), text('b', 'two')]);
  expect(await database.apply(body, SITE)).toEqual({ version: 2, rows: 2 });
  expect(database.version).toBe(1);
  await database.commit();
  expect(database.version).toBe(2);
  expect(body.length).toBeGreaterThan(0); // the caller keeps it
  const [chunk] = await chunksOf(database, 1, 2);
  expect(chunk).toMatchObject({ from: 1, to: 2, rows: 2 });
  expect(decodeChanges(chunk!.body)).toEqual(decodeChanges(body));
  expect(await database.count(1, 2)).toEqual({ rows: 2, bytes: chunk!.body.length });

  const target = newPath(folder);
  expect(await database.copy(target)).toEqual({ version: 2, sizeBytes: database.sizeBytes });
  expect(textsIn(target)).toEqual(['one', 'two']);
  await expect(database.copy(target)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(textsIn(target)).toEqual(['one', 'two']);
  await database.close();
  expect(textsIn(path)).toEqual(['one', 'two']);
  expect(existsSync(`${path}-journal`)).toBe(false);
});

test('a batch that changes nothing makes no version and leaves nothing open', async () => {
  const database = await open(newPool(), await newCopy());
  expect(await store(database, text('a', 'one'))).toBe(2);
  expect(await store(database, text('a', 'one'))).toBe(2);
  expect(await store(database, text('a', 'older', 0))).toBe(2);
  await expect(database.commit()).rejects.toThrow('There is no batch');
  expect(await store(database, text('a', 'two', 2))).toBe(3);
});

test('a batch that is rolled back is not there, and its version is given to the next', async () => {
  const database = await open(newPool(), await newCopy());
  expect(await database.apply(bodyOf(SITE, [text('a', 'one')]), SITE)).toEqual({ version: 2, rows: 1 });
  await database.rollback();
  await database.rollback();
  expect(await database.count(0, 9)).toEqual({ rows: 0, bytes: 0 });
  expect(await store(database, text('b', 'two'))).toBe(2);
  const [chunk] = await chunksOf(database, 0, 2);
  expect(decodeChanges(chunk!.body).rows.map(({ value }) => value)).toEqual(['two']);
});

test('what is asked between a batch and its commit waits for it', async () => {
  const path = await newCopy();
  const database = await open(newPool(), path);
  await database.apply(bodyOf(SITE, [text('a', 'one')]), SITE);
  const order: string[] = [];
  const target = newPath(folder);
  const copied = database.copy(target).then(({ version }) => order.push(`copy of ${version}`));
  const next = store(database, text('b', 'two')).then((version) => order.push(`batch ${version}`));
  await database.commit();
  order.push('commit');
  await Promise.all([copied, next]);
  expect(order).toEqual(['commit', 'copy of 2', 'batch 3']);
  expect(textsIn(target)).toEqual(['one']);
});

test('closing rolls an open batch back, and a closed copy is opened again', async () => {
  const path = await newCopy();
  const pool = newPool();
  const database = await open(pool, path);
  await expect(open(pool, path)).rejects.toThrow('open already');
  await store(database, text('a', 'one'));
  await database.apply(bodyOf(SITE, [text('b', 'two')]), SITE);
  await Promise.all([database.close(), database.close()]);
  await expect(database.count(0, 1)).rejects.toThrow('closed');
  expect(textsIn(path)).toEqual(['one']);
  const again = await open(pool, path);
  expect([again.version, again.siteId]).toEqual([2, database.siteId]);
});

test('a file that is missing or damaged is not opened, and is not made', async () => {
  const pool = newPool();
  const path = newPath(folder);
  await expect(open(pool, path)).rejects.toMatchObject({ name: 'EngineError', code: 14, message: /ENOENT/ });
  expect(existsSync(path)).toBe(false);
  await makeCopy(path, kind);
  const database = await open(pool, path);
  expect(database.version).toBe(1);
});

test('more documents than may be open: the least recently used ones are opened again by themselves', async () => {
  const pool = newPool({ threads: 1, maxOpenPerThread: 2 });
  const paths = await Promise.all(Array.from({ length: 5 }, () => newCopy()));
  const all = await Promise.all(paths.map((path) => open(pool, path)));
  for (const round of [1, 2, 3]) {
    for (const [at, database] of all.entries()) {
      expect(await store(database, text('a', `${at}-${round}`, round))).toBe(1 + round);
    }
  }
  // Those with an open batch stay, even if all have one.
  await Promise.all(all.map((database) => database.apply(bodyOf(SITE, [text('b', 'last')]), SITE)));
  await Promise.all(all.map((database) => database.commit()));
  expect(all.map(({ version }) => version)).toEqual([5, 5, 5, 5, 5]);
  await Promise.all(all.map((database) => database.close()));
  expect(paths.map((path) => textsIn(path))).toEqual(paths.map((_, at) => [`${at}-3`, 'last']));
  expect(pool.restarts).toBe(0);
});

test('an open batch survives the end of its thread, before its commit and during it', async () => {
  const path = await newCopy();
  const pool = newPool();
  const database = await open(pool, path);
  const other = await open(pool, await newCopy());
  await database.apply(bodyOf(SITE, [text('a', 'one')]), SITE);
  await pool.restart();
  await database.commit();
  expect(database.version).toBe(2);
  await database.apply(bodyOf(SITE, [text('b', 'two')]), SITE);
  const [, , version] = await Promise.all([
    database.commit(),
    pool.restart(),
    store(other, text('x', 'other')),
  ]);
  expect([database.version, version, other.version]).toEqual([3, 2, 2]);
  await database.apply(bodyOf(SITE, [text('c', 'three')]), SITE);
  await pool.restart();
  await database.rollback();
  expect(pool.restarts).toBe(3);
  await database.close();
  expect(textsIn(path)).toEqual(['one', 'two']);
});

test('the same batches give the same contents, clocks and versions elsewhere', async () => {
  const pool = newPool({ threads: 2 });
  const [first, second] = [await newCopy(), newPath(folder)];
  const original = await open(pool, first);
  await original.copy(second);
  const batches = [
    [text('a', 'one'), text('b', 'two')],
    [{ table: 'cues', key: packedKey('a'), column: '-1', value: null, cl: 2, colVersion: 2 }],
    [
      text('b', 'three', 2),
      { table: 'cues', key: packedKey('b'), column: 'start_ms', value: 7n, colVersion: 1 },
    ],
  ].map((rows) => bodyOf(SITE, rows));
  for (const body of batches) {
    await original.apply(body, SITE);
    await original.commit();
  }
  const replayed = await open(pool, second);
  for (const body of batches) {
    await replayed.apply(body, null);
    await replayed.commit();
  }
  expect([replayed.version, replayed.siteId]).toEqual([original.version, original.siteId]);
  expect(await chunksOf(replayed, 0, 4)).toEqual(await chunksOf(original, 0, 4));
  await Promise.all([original.close(), replayed.close()]);
  expect(contentsOf(second, kind)).toEqual(contentsOf(first, kind));
});

test('threads let the process end', async () => {
  const path = await newCopy();
  const script = `
    const { EnginePool } = await import(${JSON.stringify(new URL('../../../../dist/documents/live/engine/engine-pool.js', `file://${__filename}`).href)});
    const { DocumentKinds } = await import(${JSON.stringify(new URL('../../../../dist/documents/kinds.js', `file://${__filename}`).href)});
    const database = await new EnginePool().open(${JSON.stringify(path)}, new DocumentKinds().get('captions'), { maxBytes: 1e8 });
    console.log(database.version);`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60_000,
  });
  expect((await run).stdout.trim()).toBe('1');
});

describe('a batch that breaks the engine', () => {
  /** The length of the key's text has 9 bytes. Batches of the journal are not checked, so it reaches the engine. */
  const trapping = bodyOf(SITE, [
    { ...text('a', 'trap'), key: Uint8Array.from([1, 0x4b, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x72]) },
  ]);

  test('is refused, at once when it comes again; other documents of the thread notice nothing', async () => {
    const path = await newCopy();
    const pool = newPool();
    const database = await open(pool, path);
    const others = await Promise.all(Array.from({ length: 4 }, async () => open(pool, await newCopy())));
    await store(database, text('a', 'before'));
    await others[0]!.apply(bodyOf(SITE, [text('a', 'open')]), SITE);
    const invalid = { code: 'CHANGES_INVALID', details: { row: null, rule: 'trap' } };
    const [refused, ...versions] = await Promise.allSettled([
      database.apply(trapping, null),
      ...others.slice(1).map((other) => store(other, text('a', 'meanwhile'))),
    ]);
    expect(refused).toMatchObject({ status: 'rejected', reason: invalid });
    expect(versions).toEqual(versions.map(() => ({ status: 'fulfilled', value: 2 })));
    await others[0]!.commit();
    expect(others.map(({ version }) => version)).toEqual([2, 2, 2, 2]);
    expect(pool.restarts).toBe(1);
    await expect(database.apply(trapping, null)).rejects.toMatchObject(invalid);
    expect(pool.restarts).toBe(1);
    expect(await store(database, text('b', 'after'))).toBe(3);
    await database.close();
    expect(textsIn(path)).toEqual(['after', 'before']);
    // Also if the document was closed meanwhile.
    const again = await open(pool, path);
    await expect(again.apply(trapping, null)).rejects.toMatchObject(invalid);
    expect(pool.restarts).toBe(1);
  });
});

test('a copy that would become larger than it may be is refused, and stays as it was', async () => {
  const path = await newCopy();
  const database = await newPool().open(path, kind, { maxBytes: 300_000 });
  await store(database, text('a', 'one'));
  const before = database.sizeBytes;
  const large = bodyOf(SITE, [text('b', 'x'.repeat(400_000))]);
  await expect(database.apply(large, SITE)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  expect(await store(database, text('c', 'three'))).toBe(3);
  expect(database.sizeBytes).toBe(before);
  await database.close();
  expect(textsIn(path)).toEqual(['one', 'three']);
});

describeWithSmallDisk('on a full disk', () => {
  test('a batch and a copy are refused, and what was committed stays', async () => {
    using disk = SmallDisk.mount(4);
    const path = join(disk.path, 'a.db');
    await makeCopy(path, kind);
    const database = await open(newPool(), path);
    await store(database, text('a', 'one'));
    const free = disk.fill(200_000);
    const large = bodyOf(SITE, [text('b', 'x'.repeat(900_000))]);
    const full = { code: 'DISK_FULL', details: { retry_after: 60 } };
    // Pages that fit into the cache are written by the commit only.
    await expect(database.apply(large, SITE).then(() => database.commit())).rejects.toMatchObject(full);
    expect(database.version).toBe(2);
    free();
    const freeAgain = disk.fill(20_000);
    await expect(database.copy(join(disk.path, 'copy.db'))).rejects.toMatchObject(full);
    expect(existsSync(join(disk.path, 'copy.db'))).toBe(false);
    freeAgain();
    await database.apply(large, SITE);
    await database.commit();
    expect(database.version).toBe(3);
    await database.close();
    expect(textsIn(path)).toEqual(['one', 'x'.repeat(900_000)]);
  });
});
