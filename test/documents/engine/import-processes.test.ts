import childProcess, { type ForkOptions } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImportProcesses } from '../../../src/documents/engine/import-processes.js';
import { databaseBytes } from '../../support/databases.js';
import { until } from '../../support/exchange.js';
import { makeScratchDir } from '../../support/scratch.js';
import { atNext } from '../../uploads/hold-back.js';
import { AMPLE, LAYOUT } from './importing.js';

const folder = makeScratchDir('import-processes');
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));

function newTask(rows: number) {
  const upload = join(folder, String(files++));
  const bytes = databaseBytes('layout', (database) =>
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
       INSERT INTO elements (id, thumbnail) SELECT 'element-' || i, randomblob(1000) FROM n`,
    ),
  );
  writeFileSync(upload, bytes);
  return { kind: LAYOUT, upload, target: join(folder, String(files++)), maxBytes: AMPLE };
}

/** The ids of the processes that are there, busy or not. */
function processesOf(imports: ImportProcesses): number[] {
  const { all } = imports as unknown as { all: Set<{ pid: number }> };
  return [...all].map(({ pid }) => pid);
}

test('imports one after another share a process, those at the same time do not', async () => {
  const imports = new ImportProcesses();
  await imports.run(newTask(1));
  const [first] = processesOf(imports);
  await imports.run(newTask(1));
  expect(processesOf(imports)).toEqual([first]);
  await Promise.all([imports.run(newTask(1)), imports.run(newTask(1))]);
  expect(processesOf(imports)).toHaveLength(2);
  await imports.close();
  expect(processesOf(imports)).toEqual([]);
});

test('an import that takes too long is given up together with its process', async () => {
  const imports = new ImportProcesses(1);
  const outcome = imports.run(newTask(20_000));
  await expect(outcome).rejects.toMatchObject({ code: 'DOCUMENT_INVALID' });
  await until(
    async () => processesOf(imports),
    (pids) => pids.length === 0,
  );
  await imports.close();
});

test('a process that dies fails its own import only', async () => {
  const imports = new ImportProcesses();
  const outcomes = Promise.allSettled([imports.run(newTask(20_000)), imports.run(newTask(20_000))]);
  const [victim] = processesOf(imports);
  process.kill(victim!, 'SIGKILL');
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await imports.run(newTask(1))).toBeNull();
  await imports.close();
});

test('a process that cannot be started fails its own import only, and does not hold up the end', async () => {
  const imports = new ImportProcesses();
  type Fork = (program: URL, options: ForkOptions) => childProcess.ChildProcess;
  atNext(
    childProcess as { fork: Fork },
    'fork',
    (fork) => (program, options) => fork(program, { ...options, execPath: join(folder, 'nowhere') }),
  );
  await expect(imports.run(newTask(1))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await imports.run(newTask(1))).toBeNull();
  await imports.close();
});

test('closing ends what is under way', async () => {
  const imports = new ImportProcesses();
  const outcome = expect(imports.run(newTask(20_000))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await imports.close();
  await outcome;
  await expect(imports.run(newTask(1))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});
