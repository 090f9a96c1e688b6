import { copyFileSync, rmSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import fc from 'fast-check';
import { Connection } from '../../../../src/documents/live/engine/binder.js';
import type { MergingDatabase } from '../../../../src/documents/live/engine/merging-database.js';
import { decodeChanges } from '../../../../src/protocol/changes-codec.js';
import {
  contentsOf,
  kindNamed,
  makeCopy,
  newPath,
  openCopy,
  Replica,
  startEngine,
  type Engine,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('convergence');
afterAll(() => rmSync(folder, { recursive: true }));
const kind = kindNamed('captions');
const REPLICAS = 4;
/** How many seeded runs; more by hand. */
const RUNS = Number(process.env.CONVERGENCE_RUNS ?? 12);
const IMPORTED = Array.from({ length: 6 }, (_, at) => `r${at}`);
const ROWS = IMPORTED.map(
  (id, at) => `INSERT INTO cues (id, start_ms, text) VALUES ('${id}', ${at}, 'imported ${at}')`,
).join(';');

/** What happens at a replica: an edit, or an exchange with the server. */
type Step = { replica: number } & (
  | { does: 'edit'; record: number; field: number; value: number }
  | { does: 'send'; again: boolean }
  | { does: 'receive'; all: boolean }
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      replica: fc.nat(REPLICAS - 1),
      does: fc.constant('edit' as const),
      record: fc.nat(8),
      field: fc.nat(7),
      value: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      replica: fc.nat(REPLICAS - 1),
      does: fc.constant('send' as const),
      again: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      replica: fc.nat(REPLICAS - 1),
      does: fc.constant('receive' as const),
      all: fc.boolean(),
    }),
  },
);

/** Inserts, updates, deletes, and inserts again what was deleted. */
function edit({ connection }: Replica, { record, field, value }: Extract<Step, { does: 'edit' }>): void {
  const id = `r${record}`;
  const run = (sql: string, ...parameters: (bigint | string | null)[]) =>
    connection.statement(sql).run(...parameters);
  if (field === 0) run('DELETE FROM cues WHERE id = ?', id);
  else if (field < 3)
    run(
      'INSERT OR IGNORE INTO cues (id, text, start_ms) VALUES (?, ?, ?)',
      id,
      `born ${value}`,
      BigInt(value),
    );
  else if (field < 5) run('UPDATE cues SET text = ? WHERE id = ?', `text ${value}`, id);
  else if (field < 7)
    run(
      'UPDATE cues SET start_ms = ?, speaker_id = ? WHERE id = ?',
      BigInt(value),
      value > 1 ? `s${value}` : null,
      id,
    );
  else run('INSERT OR IGNORE INTO speakers (id) VALUES (?)', id);
}

/** A client that sends its own changes and receives all others', from where it was. */
class Client {
  sent = 1;
  cursor = 1;
  private lastBody: Uint8Array | null = null;

  constructor(readonly replica: Replica) {}

  send(server: MergingDatabase, again: boolean): void {
    if (again && this.lastBody) merge(server, this.lastBody, this.replica.siteId);
    const upTo = this.replica.version;
    const body = this.replica.own(this.sent);
    this.sent = upTo;
    const { length } = decodeChanges(body).rows;
    if (length === 0) return;
    this.lastBody = body;
    // A version larger than a batch may be, as the rebirth of many records makes one.
    merge(server, body, length > 4_000 ? null : this.replica.siteId);
  }

  /** @param all from the beginning: what is known comes again */
  receive(server: MergingDatabase, all: boolean): void {
    for (let from = all ? 1 : this.cursor; from < server.version;) {
      const { to, body } = server.read(from, server.version);
      this.replica.merge(body);
      from = to;
    }
    this.cursor = server.version;
  }
}

function merge(server: MergingDatabase, body: Uint8Array, site: string | null): void {
  const before = server.version;
  const rows = server.count(0, before).rows;
  const { version } = server.apply(body, site);
  if (version > before) server.commit();
  else expect(server.count(0, before).rows).toBe(rows);
  expect(server.version).toBe(version);
  expect(version - before).toBeLessThanOrEqual(1);
}

async function importOnce(): Promise<string> {
  const path = newPath(folder);
  await makeCopy(path, kind, ROWS);
  return path;
}

/** Plays the steps at clients of one server until everybody has everything. @returns the files, the server's first */
function play(engine: Engine, download: string, steps: Step[]): string[] {
  const serverPath = newPath(folder);
  copyFileSync(download, serverPath);
  const server = openCopy(engine, serverPath, kind);
  const clients = Array.from(
    { length: REPLICAS },
    (_, at) => new Client(new Replica(engine, kind, download, newPath(folder), Buffer.alloc(16, at + 1))),
  );
  for (const one of steps) {
    const client = clients[one.replica]!;
    if (one.does === 'edit') edit(client.replica, one);
    else if (one.does === 'send') client.send(server, one.again);
    else client.receive(server, one.all);
  }
  // In the order of their last steps, so in any order of sites.
  const order = [...clients.keys()].sort((one, other) => lastStep(steps, one) - lastStep(steps, other));
  for (const at of order) clients[at]!.send(server, true);
  for (const client of clients) client.receive(server, false);
  server.close();
  return [serverPath, ...clients.map(({ replica }) => (replica.close(), replica.path))];
}

function lastStep(steps: Step[], replica: number): number {
  return steps.findLastIndex((one) => one.replica === replica);
}

function expectSound(path: string): void {
  const file = new BetterSqlite(path, { readonly: true });
  expect(file.pragma('quick_check', { simple: true })).toBe('ok');
  file.close();
}

test('clients of one import end equal, cell for cell with versions and causal lengths', async () => {
  const download = await importOnce();
  const engine = await startEngine();
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
      const paths = play(engine, download, steps);
      const [server, ...others] = paths.map((path) => contentsOf(path, kind));
      for (const other of others) expect(other).toEqual(server);
      paths.forEach(expectSound);
      paths.forEach((path) => rmSync(path));
    }),
    { numRuns: RUNS },
  );
});

test('an import without clocks gives the same contents as a full one, after the same edits', async () => {
  const download = await importOnce();
  const engine = await startEngine();
  const full = newPath(folder);
  await makeCopy(full, kind);
  const connection = new Connection(engine.engine, engine.vfs.attach(full));
  connection.exec(`BEGIN; ${ROWS}; COMMIT`);
  connection.value('SELECT crsql_finalize()');
  connection.close();
  const rowsOf = (path: string) =>
    (contentsOf(path, kind) as { name: string; rows: unknown }[]).map(({ name, rows }) => ({ name, rows }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 50 }), (steps) => {
      const [bare] = play(engine, download, steps);
      const [clocked] = play(engine, full, steps);
      expect(rowsOf(bare!)).toEqual(rowsOf(clocked!));
    }),
    { numRuns: RUNS },
  );
});

test('chunks are ascending and contiguous, split no version, and together are what was counted', async () => {
  const engine = await startEngine();
  const download = await importOnce();
  const server = openCopy(engine, newCopyOf(download), kind);
  const client = new Client(new Replica(engine, kind, download, newPath(folder)));
  const { connection } = client.replica;
  /** Rows of each local transaction: many small ones, one larger than a chunk, some of large cells. */
  const sizes = [...Array<number>(30).fill(40), 1_500, ...Array<number>(12).fill(300)];
  for (const [at, size] of sizes.entries()) {
    connection.exec('BEGIN');
    for (let row = 0; row < size; row += 1) {
      const text = at > 31 ? 'x'.repeat(1_000) : 'short';
      connection.statement('INSERT INTO cues (id, text) VALUES (?, ?)').run(`${at}-${row}`, text);
    }
    connection.exec('COMMIT');
    client.send(server, false);
  }
  expect(server.version).toBe(1 + sizes.length);
  let rows = 0;
  for (let from = 0; from < server.version;) {
    const chunk = server.read(from, server.version);
    expect(chunk.from).toBe(from);
    expect(chunk.to).toBeGreaterThan(from);
    const isOneVersion = chunk.to - chunk.from === 1;
    if (!isOneVersion) expect([chunk.rows <= 4_000, chunk.body.length <= 1_048_576]).toEqual([true, true]);
    expect(decodeChanges(chunk.body).rows).toHaveLength(chunk.rows);
    rows += chunk.rows;
    from = chunk.to;
  }
  expect(server.count(0, server.version).rows).toBe(rows);
  expect(rows).toBe(sizes.reduce((sum, size) => sum + size * 5, 0));
  const { bytes } = server.count(server.version - 2, server.version);
  expect(bytes / server.read(server.version - 2, server.version).body.length).toBeCloseTo(1, 0);
  // A version whose every cell was written anew has no rows, but is passed.
  connection.exec(`UPDATE speakers SET name = 'nobody'; INSERT INTO speakers (id) VALUES ('s')`);
  client.send(server, false);
  connection.exec(`UPDATE speakers SET name = 'a', color = 'b'`);
  client.send(server, false);
  const passed = server.version - 1;
  expect(server.read(passed - 1, passed)).toMatchObject({ from: passed - 1, to: passed, rows: 0 });
  server.close();
});

function newCopyOf(path: string): string {
  const copy = newPath(folder);
  copyFileSync(path, copy);
  return copy;
}
