import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import BetterSqlite from 'better-sqlite3';
import { EnginePool } from '../../../../src/documents/live/engine/engine-pool.js';
import {
  bodyOf,
  kindNamed,
  makeCopy,
  newPath,
  openCopy,
  packedKey,
  startEngine,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 40);
const folder = makeScratchDir('kills', true);
afterAll(() => rmSync(folder, { recursive: true }));
const kind = kindNamed('captions');
const SITE = '0123456789abcdef0123456789abcdef';
/** Records of each batch: enough pages that a commit takes a while. */
const RECORDS = 40;

function batch(version: number): Uint8Array {
  return bodyOf(
    SITE,
    Array.from({ length: RECORDS }, (_, at) => ({
      table: 'cues',
      key: packedKey(`r${at}`),
      column: 'text',
      value: `${version} ${'x'.repeat(300)}`,
      colVersion: version,
    })),
  );
}

/** Expects all records to be of one batch, and the file to be sound. @returns that batch's version */
function versionIn(path: string): number {
  const file = new BetterSqlite(path, { readonly: true });
  try {
    expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
    const versions = file
      .prepare(`SELECT DISTINCT CAST(text AS INTEGER) FROM cues`)
      .pluck()
      .all() as number[];
    expect(versions.length).toBeLessThanOrEqual(1);
    return versions[0] ?? 1;
  } finally {
    file.close();
  }
}

test('threads that are ended at any moment lose nothing that was committed, and nothing is merged twice', async () => {
  const pool = new EnginePool({ threads: 1 });
  const path = newPath(folder);
  await makeCopy(path, kind);
  const database = await pool.open(path, kind, { maxBytes: 1e8 });
  let isDone = false;
  let commits = 0;
  const kills = (async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      // An operation whose threads end again and again is refused, so each one lives until it has committed something.
      for (const before = commits; commits === before;) await after(1);
      await after(Math.random() * 30);
      await pool.restart();
    }
    isDone = true;
  })();
  while (!isDone) {
    const next = database.version + 1;
    expect((await database.apply(batch(next), SITE)).version).toBe(next);
    await database.commit();
    expect(database.version).toBe(next);
    commits += 1;
  }
  await kills;
  const last = database.version;
  expect(pool.restarts).toBeGreaterThanOrEqual(ROUNDS / 2);
  await database.close();
  await pool.onModuleDestroy();
  expect(versionIn(path)).toBe(last);
});

test('a process that is killed at any moment loses nothing that was committed', async () => {
  const path = newPath(folder);
  await makeCopy(path, kind);
  const engine = await startEngine();
  const from = (file: string) => JSON.stringify(pathToFileURL(`dist/${file}`).href);
  const program = `
    const { EnginePool } = await import(${from('documents/live/engine/engine-pool.js')});
    const { DocumentKinds } = await import(${from('documents/kinds.js')});
    const { ChangesWriter } = await import(${from('protocol/changes-codec.js')});
    const database = await new EnginePool().open(process.argv[1], new DocumentKinds().get('captions'), { maxBytes: 1e8 });
    for (;;) {
      const version = database.version + 1;
      const writer = new ChangesWriter();
      const table = writer.tableIndex('cues');
      const site = writer.siteIndex(Buffer.from('${SITE}', 'hex'));
      const column = writer.columnIndex(table, 'text');
      for (let at = 0; at < ${RECORDS}; at += 1) {
        const key = Buffer.from([1, 0x0b, String(at).length + 1, ...Buffer.from('r' + at)]);
        writer.add({ table, site, key, column, cl: 1, colVersion: version, value: version + ' ' + 'x'.repeat(300) });
      }
      await database.apply(writer.finish(), '${SITE}');
      await database.commit();
      process.stdout.write(database.version + '\\n');
    }`;
  let committed = 1;
  for (let round = 0; round < Math.ceil(ROUNDS / 4); round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const exited = once(child, 'exit');
    let heard = 0;
    let killAt: NodeJS.Timeout | undefined;
    for await (const line of lines) {
      committed = Number(line);
      // The first says that it has begun.
      if (++heard === 1) killAt = setTimeout(() => child.kill('SIGKILL'), Math.random() * 100);
    }
    clearTimeout(killAt);
    await exited;
    // The engine rolls back what is half written.
    const database = openCopy(engine, path, kind);
    const { version } = database;
    expect([committed, committed + 1]).toContain(version);
    database.close();
    expect(versionIn(path)).toBe(version);
  }
});
