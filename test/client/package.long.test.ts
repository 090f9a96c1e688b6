import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { transform } from '@swc/core';
import { makeScratchDir } from '../support/scratch.js';
import { startServer } from '../support/server-process.js';
import { createStorage } from '../support/storage.js';

const run = promisify(execFile);
const project = process.cwd();
const tidemark = resolve('bin/tidemark.js');

/** An app that somebody makes from the README: two devices, a code, a habit. It prints what each device has at the end. */
const MAIN = `
import { openApp } from './app';
import type { Entry, Habit } from './models';

declare const process: { argv: [string, string, string]; exit(code: number): never };

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('It did not come to pass.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function main(): Promise<void> {
  const [kitchen, basement] = await Promise.all([openApp(process.argv[2]), openApp(process.argv[2])]);
  await kitchen.sync();
  const { code } = await kitchen.pair();
  await basement.join(code, { localData: 'start-fresh' });
  const habit = await kitchen.database.write(() =>
    kitchen.database.get<Habit>('habits').create((made) => {
      made.name = 'Read';
      made.rhythm = 'daily';
    }),
  );
  await kitchen.sync();
  await until(async () => (await basement.database.get('habits').query().fetchCount()) === 1);
  await basement.database.write(() =>
    basement.database.get<Entry>('entries').create((made) => {
      made.habitId = habit.id;
      made.doneAt = new Date();
    }),
  );
  await until(async () => (await kitchen.database.get('entries').query().fetchCount()) === 1);
  await until(async () => [kitchen, basement].every(({ status }) => status.get().state === 'synced'));
  const rows = await basement.database.get('habits').query().unsafeFetchRaw();
  console.error(JSON.stringify({ name: rows[0].name, rhythm: rows[0].rhythm, light: kitchen.status.get().light }));
  await kitchen.close();
  await basement.close();
}

// LokiJS saves on a timer that would keep the process running.
main().then(
  () => process.exit(0),
  (error) => (console.error(error), process.exit(1)),
);
`;

test('packed and installed in an empty folder, it syncs an app that follows its README', async () => {
  const folder = makeScratchDir('client-package');
  await using _ = { [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }) };
  const inFolder = (name: string): string => join(folder, name);
  const [tables, app] = await codeOf('client/README.md');
  await writeFile(inFolder('package.json'), '{ "private": true }');
  await writeFile(inFolder('tables.ts'), tables!);
  await writeFile(inFolder('app.ts'), app!);
  await writeFile(inFolder('main.ts'), MAIN);

  const packing = ['pack', '-w', '@tidemark/client', '--pack-destination', folder];
  await run('npm', packing, { cwd: project });
  const watermelon = `@nozbe/watermelondb@${versionOf('@nozbe/watermelondb')}`;
  const packed = './tidemark-client-0.1.0.tgz';
  const quietly = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['install', packed, watermelon, ...quietly], { cwd: folder });
  const model = await run(process.execPath, [tidemark, 'tables', 'model', 'tables.ts'], { cwd: folder });
  await writeFile(inFolder('models.ts'), model.stdout);

  await checkTypes(folder);
  for (const name of ['app', 'models', 'main']) await compile(folder, name);
  const storage = await createStorage('sqlite');
  await using __ = { [Symbol.asyncDispose]: () => storage.dispose() };
  await using server = await startServer({ storage, env: { TABLES: inFolder('tables.ts') } });
  const ran = await run(process.execPath, ['main.cjs', server.url], { cwd: folder, timeout: 120_000 });

  expect(JSON.parse(ran.stderr.trim().split('\n').at(-1)!)).toEqual({
    name: 'Read',
    rhythm: 'daily',
    light: 'green',
  });
});

/** The TypeScript blocks of a Markdown file. */
async function codeOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  return [...text.matchAll(/^( *)```ts\n([^]*?)^ *```$/gm)].map(([, indent, code]) =>
    code!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** Checks the types as a bundler's project does. @throws with the compiler's complaints */
async function checkTypes(folder: string): Promise<void> {
  const compilerOptions = {
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    target: 'es2022',
    module: 'preserve',
    moduleResolution: 'bundler',
    types: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  const compiler = createRequire(join(project, 'package.json')).resolve('typescript/bin/tsc');
  await run(process.execPath, [compiler, '-p', folder], { cwd: folder }).catch(
    ({ stdout }: { stdout: string }) => Promise.reject(new Error(stdout)),
  );
}

/** Compiles one file to CommonJS, as bundlers for apps do. */
async function compile(folder: string, name: string): Promise<void> {
  const source = await readFile(join(folder, `${name}.ts`), 'utf8');
  const { code } = await transform(source, {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, useDefineForClassFields: false },
      target: 'es2022',
    },
    module: { type: 'commonjs' },
  });
  await writeFile(
    join(folder, `${name}.cjs`),
    code.replaceAll(/require\("\.\/(\w+)"\)/g, 'require("./$1.cjs")'),
  );
}

function versionOf(name: string): string {
  return (createRequire(join(project, 'package.json'))(`${name}/package.json`) as { version: string })
    .version;
}
