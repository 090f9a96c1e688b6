import childProcess, { type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importProcesses } from '../../../src/documents/import/sqlite-workers.js';
import { databaseBytes } from '../../support/databases.js';
import { until } from '../../support/exchange.js';
import { makeScratchDir } from '../../support/scratch.js';
import { atNext } from '../../uploads/hold-back.js';
import { AMPLE, LAYOUT } from './importing.js';

const folder = makeScratchDir('import-processes');
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));

function newTask(rows: number) {
  const source = join(folder, String(files++));
  const bytes = databaseBytes('layout', (database) =>
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
       INSERT INTO elements (id, thumbnail) SELECT 'element-' || i, randomblob(1000) FROM n`,
    ),
  );
  writeFileSync(source, bytes);
  return { kind: LAYOUT, source, target: join(folder, String(files++)), maxBytes: AMPLE, merging: [] };
}

/** The ids of all child processes, busy or idle. */
function processesOf(imports: ReturnType<typeof importProcesses>): number[] {
  const { all } = imports as unknown as { all: Set<{ pid: number }> };
  return [...all].map(({ pid }) => pid);
}

test('imports one after another share a process, those at the same time do not', async () => {
  const imports = importProcesses();
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
  const imports = importProcesses(1);
  const outcome = imports.run(newTask(20_000));
  await expect(outcome).rejects.toMatchObject({ code: 'DOCUMENT_INVALID' });
  await until(
    async () => processesOf(imports),
    (pids) => pids.length === 0,
  );
  await imports.close();
});

test('a process that dies fails its own import only', async () => {
  const imports = importProcesses();
  const outcomes = Promise.allSettled([imports.run(newTask(20_000)), imports.run(newTask(20_000))]);
  const [victim] = processesOf(imports);
  process.kill(victim!, 'SIGKILL');
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await imports.run(newTask(1))).toBeNull();
  await imports.close();
});

test('a process that cannot be started fails its own import only, and does not hold up the end', async () => {
  const imports = importProcesses();
  type Fork = (program: URL, args: string[], options: ForkOptions) => childProcess.ChildProcess;
  atNext(
    childProcess as { fork: Fork },
    'fork',
    (fork) => (program, args, options) =>
      fork(program, args, { ...options, execPath: join(folder, 'nowhere') }),
  );
  await expect(imports.run(newTask(1))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await imports.run(newTask(1))).toBeNull();
  await imports.close();
});

/** A server that imports one database, and prints the id of the process that does. */
const IMPORTING = `
  import { importProcesses } from '${pathToFileURL('dist/documents/import/sqlite-workers.js').href}';
  const imports = importProcesses();
  void imports.run(JSON.parse(process.argv[1]));
  console.log([...imports.all][0].pid);`;
/** The byte of a SQLite file that says that it uses a WAL; the import resets it and gives the file to SQLite. */
const WAL_BYTE = 18;

/** Whether a process is dead or a zombie: in a container no process may reap it. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform === 'linux' && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

test('a server that dies takes an import with it that SQLite keeps busy', async () => {
  const task = newTask(1);
  writeFileSync(task.source, readFileSync(task.source).fill(2, WAL_BYTE, WAL_BYTE + 2));
  // SQLite waits for ever for a writer to this one.
  childProcess.execFileSync('mkfifo', [`${task.source}-journal`]);
  const server = childProcess.spawn(
    process.execPath,
    ['--input-type=module', '--eval', IMPORTING, JSON.stringify(task)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const pid = Number(line);
  try {
    await until(
      async () => readFileSync(task.source)[WAL_BYTE],
      (byte) => byte === 1,
    );
    expect(isGone(pid)).toBe(false);
    server.kill('SIGKILL');
    await until(async () => isGone(pid), Boolean);
  } finally {
    if (!isGone(pid)) process.kill(pid, 'SIGKILL');
  }
});

test('closing ends what is under way', async () => {
  const imports = importProcesses();
  const outcome = expect(imports.run(newTask(20_000))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await imports.close();
  await outcome;
  await expect(imports.run(newTask(1))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});
