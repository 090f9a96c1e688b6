import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import fc from 'fast-check';
import { Connection } from '../../../../src/documents/live/engine/binder.js';
import { FileVfs } from '../../../../src/documents/live/engine/file-vfs.js';
import { newPath, startEngine } from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../../support/small-disk.js';

const OK = 0;
const FULL = 13;
const CANNOT_OPEN = 14;
const SHORT_READ = 522;
const CREATE = 0x4;

const folder = makeScratchDir('vfs');
afterAll(() => rmSync(folder, { recursive: true }));

function word(): DataView {
  return new DataView(new ArrayBuffer(8));
}

type Step = { kind: 'write'; at: number; bytes: Uint8Array } | { kind: 'truncate'; at: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(9000),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
    }),
    fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(9000) }),
  ),
  { maxLength: 12 },
);

test('reads, writes, sizes and truncations are those of a plain file; what is missing is read as zeros', () => {
  fc.assert(
    fc.property(steps, fc.nat(9000), fc.integer({ min: 1, max: 800 }), (all, readAt, length) => {
      const vfs = new FileVfs();
      const path = newPath(folder);
      expect(vfs.xOpen(vfs.attach(path), 1, CREATE, word())).toBe(OK);
      let model = Buffer.alloc(0);
      for (const step of all) {
        if (step.kind === 'truncate') {
          expect(vfs.xTruncate(1, step.at)).toBe(OK);
          model = Buffer.concat([model, Buffer.alloc(step.at)]).subarray(0, step.at);
        } else {
          expect(vfs.xWrite(1, step.bytes, step.at)).toBe(OK);
          const end = step.at + step.bytes.length;
          if (model.length < end) model = Buffer.concat([model, Buffer.alloc(end - model.length)]);
          model = Buffer.from(model);
          model.set(step.bytes, step.at);
        }
      }
      const size = word();
      expect([vfs.xFileSize(1, size), size.getBigInt64(0, true)]).toEqual([OK, BigInt(model.length)]);
      const target = new Uint8Array(length).fill(0xee);
      expect(vfs.xRead(1, target, readAt)).toBe(readAt + length <= model.length ? OK : SHORT_READ);
      const expected = Buffer.alloc(length);
      expected.set(model.subarray(readAt, readAt + length));
      expect(Buffer.compare(target, expected)).toBe(0);
      expect([vfs.xSync(1, 2), vfs.xClose(1)]).toEqual([OK, OK]);
      expect(Buffer.compare(readFileSync(path), model)).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('a file that was not given cannot be opened, nor attached', async () => {
  const other = newPath(folder);
  new BetterSqlite(other).exec('CREATE TABLE secrets (a)').close();
  const { engine, vfs } = await startEngine();
  expect(vfs.xOpen(other, 1, 0, word())).toBe(CANNOT_OPEN);
  expect(vfs.xOpen(null, 1, CREATE, word())).toBe(CANNOT_OPEN);
  const path = newPath(folder);
  new BetterSqlite(path).exec('CREATE TABLE own (a)').close();
  const connection = new Connection(engine, vfs.attach(path));
  expect(() => connection.exec(`ATTACH '${other}' AS other`)).toThrow('unable to open database');
  connection.value('SELECT crsql_finalize()');
  connection.close();
});

test('a link is not followed, and a missing file is not made', async () => {
  const target = newPath(folder);
  new BetterSqlite(target).exec('CREATE TABLE own (a)').close();
  const link = newPath(folder);
  symlinkSync(target, link);
  const { engine, vfs } = await startEngine();
  expect(() => new Connection(engine, vfs.attach(link))).toThrow('unable to open database file');
  expect(vfs.takeFault()).toMatchObject({ code: 'ELOOP' });
  const missing = newPath(folder);
  expect(() => new Connection(engine, vfs.attach(missing))).toThrow('unable to open database file');
  expect(existsSync(missing)).toBe(false);
});

test('files are for this user alone', () => {
  const vfs = new FileVfs();
  const path = newPath(folder);
  vfs.xOpen(`${vfs.attach(path)}-journal`, 1, CREATE, word());
  expect(statSync(`${path}-journal`).mode & 0o777).toBe(0o600);
  vfs.xClose(1);
});

test('no method throws, whatever it is called with', () => {
  const vfs = new FileVfs();
  const id = vfs.attach(join(folder, 'no-such-folder', 'a.db'));
  const codes = [
    vfs.xOpen(id, 1, CREATE, word()),
    vfs.xRead(99, new Uint8Array(8), 0),
    vfs.xWrite(99, new Uint8Array(8), 0),
    vfs.xTruncate(99, 0),
    vfs.xSync(99, 2),
    vfs.xFileSize(99, word()),
    vfs.xClose(99),
    vfs.xDelete(id, 1),
    vfs.xDelete('unknown', 1),
  ];
  for (const code of codes) expect(code).toBeGreaterThan(OK);
  expect(vfs.xAccess(id, 0, word())).toBe(OK);
});

test('an error of the disk keeps what the system said', () => {
  const vfs = new FileVfs();
  expect(vfs.xOpen(vfs.attach('/dev/full'), 1, 0, word())).toBe(OK);
  expect(vfs.xWrite(1, new Uint8Array(8), 0)).toBe(FULL);
  expect(vfs.takeFault()).toMatchObject({ code: 'ENOSPC', syscall: 'write' });
  expect(vfs.takeFault()).toBeNull();
  vfs.xClose(1);
  // A folder can be opened by nobody for writing.
  expect(vfs.xOpen(vfs.attach(folder), 2, 0, word())).toBe(CANNOT_OPEN);
  expect(vfs.takeFault()).toMatchObject({ code: 'EISDIR' });
});

describeWithSmallDisk('on a full disk', () => {
  test('a transaction fails as a full one, and the file stays as it was', async () => {
    using disk = SmallDisk.mount(4);
    const { engine, vfs } = await startEngine();
    const path = join(disk.path, 'a.db');
    new BetterSqlite(path).exec('CREATE TABLE own (a)').close();
    writeFileSync(join(disk.path, 'other'), Buffer.alloc(2_000_000));
    const connection = new Connection(engine, vfs.attach(path));
    connection.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL',
    );
    connection.exec('PRAGMA cache_size = 10; INSERT INTO own VALUES (1)');
    expect(() => connection.exec('INSERT INTO own VALUES (zeroblob(3000000))')).toThrow('full');
    expect(vfs.takeFault()).toMatchObject({ code: 'ENOSPC' });
    expect(connection.value('SELECT count(*) FROM own')).toBe(1n);
    expect(connection.value('PRAGMA integrity_check')).toBe('ok');
    connection.exec('INSERT INTO own VALUES (2)');
    connection.value('SELECT crsql_finalize()');
    connection.close();
    const file = new BetterSqlite(path, { readonly: true });
    expect(file.prepare('SELECT a FROM own').pluck().all()).toEqual([1, 2]);
    file.close();
  });
});
