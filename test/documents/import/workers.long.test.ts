import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Piscina } from 'piscina';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { makeScratchDir } from '../../support/scratch.js';
import { AMPLE, LAYOUT, writeLargeLayout } from './importing.js';

const MEBIBYTE = 1_048_576;

const workers = new SqliteWorkers();
const folder = makeScratchDir('workers');
let files = 0;

afterAll(async () => {
  await workers.onModuleDestroy();
  rmSync(folder, { recursive: true });
});

const newFile = () => join(folder, String(files++));

test('a thread that dies fails its own task only', async () => {
  const own = new SqliteWorkers();
  const source = newFile();
  writeLargeLayout(source, 150 * MEBIBYTE);
  const targets = [newFile(), newFile()];
  const tasks = Promise.allSettled(targets.map((target) => own.copy(source, target)));
  const { pool } = own as unknown as { pool: Piscina };
  await until(() => targets.every((target) => sizeOf(target) > MEBIBYTE));
  await pool.threads[0]!.terminate();
  const outcomes = (await tasks).map(({ status }) => status);
  expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
  expect(targets.filter((target) => existsSync(target))).toHaveLength(1);
  await own.copy(source, newFile());
  await own.onModuleDestroy();
});

test('the main thread stays free while a large database is imported', async () => {
  const source = newFile();
  writeLargeLayout(source, 200 * MEBIBYTE);
  const small = newFile();
  writeLargeLayout(small, MEBIBYTE);
  await workers.check(small);
  let hasEnded = false;
  const importing = workers.importDatabase(LAYOUT, source, newFile(), AMPLE).finally(() => (hasEnded = true));
  for (let turn = 0; turn < 20; turn++) await setTimeout(1);
  expect(hasEnded).toBe(false);
  await importing;
});

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not come about in time.');
    await setTimeout(1);
  }
}
