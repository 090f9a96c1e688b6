import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Folder, HABITS } from '../own-tables/habits.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';

/** A clone of the project, in which somebody declares own tables beside the sources, which stay as they are. */
const browser = shareBrowser();
let clone: Folder;
beforeAll(() => {
  clone = new Folder();
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const file of listed.toString().split('\0').filter(existsSync)) {
    mkdirSync(dirname(clone.join(file)), { recursive: true });
    cpSync(file, clone.join(file));
  }
  // Installing and building take minutes, and have tests of their own.
  for (const built of ['dist', 'mobile/dist']) cpSync(built, clone.join(built), { recursive: true });
  for (const folder of ['.', 'mobile', 'client']) {
    const packages = join(process.cwd(), folder, 'node_modules');
    if (existsSync(packages)) symlinkSync(packages, clone.join(join(folder, 'node_modules')));
  }
  clone.write('my-tables.ts', HABITS.trimStart());
});
afterAll(() => clone[Symbol.dispose]());

/** Starts an npm script in the clone, in a process group of its own. */
function npm(args: string[], env: Record<string, string> = {}): ChildProcess {
  const { PATH = '', HOME = '', CHROMIUM_PATH = '' } = process.env;
  return spawn('npm', args, {
    cwd: clone.path,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, CHROMIUM_PATH, TABLES: './my-tables.ts', ...env },
  });
}

/** Runs an npm script in the clone to its end. */
async function run(script: string[]): Promise<{ code: number | null; output: string }> {
  const child = npm(['run', ...script]);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

test('npm start serves the page about the tables', async () => {
  const child = npm(['start'], { PORT: '0', HOST: '127.0.0.1', DATA_DIR: clone.join('data') });
  const exited = new Promise((resolve) => child.once('close', resolve));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let output = '';
      const read = (line: string): void => {
        output += `${line}\n`;
        if (line.includes('Tidemark is ready')) resolve((JSON.parse(line) as { page: string }).page);
      };
      for (const stream of [child.stdout!, child.stderr!]) createInterface(stream).on('line', read);
      child.once('close', () => reject(new Error(`npm start ended:\n${output}`)));
    });
    await using ada = await Person.open(browser(), url);
    await ada.app.page.getByRole('heading', { name: /^entries/ }).waitFor();
    expect(await ada.app.page.getByRole('table').count()).toBe(3);
  } finally {
    process.kill(-child.pid!, 'SIGTERM');
    await exited;
  }
});

test('npm run demo plays on the scorekeeping tables, and says so', async () => {
  const { code, output } = await run(['demo', '--', '--seed', '7']);
  expect(output).toMatch(/TABLES is set, but not for the demo/);
  expect({ code, isEqual: output.includes('NOT:') }).toEqual({ code: 0, isEqual: false });
});

test.each(['typecheck', 'lint', 'format:check'])(
  'npm run %s accepts the declaration as part of the clone',
  async (script) => {
    const { code, output } = await run([script]);
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  },
  600_000,
);
