// Does what an operator does first: runs `npm start`, checks its health, stops it. For CI; on failure prints the output.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './setup.mjs';

const DEADLINE_MS = 300_000;

// Passed as a relative path, as the default is one.
const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-smoke-'));
const server = spawn(
  'npm',
  ['start', '--', '--port', '0', '--host', '127.0.0.1', '--data-dir', relative(root, dataDir)],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // its own process group, which can be killed as a whole if npm leaves processes behind
  },
);
const exited = new Promise((resolve) => server.once('close', (code, signal) => resolve({ code, signal })));
const deadline = setTimeout(() => killAll(), DEADLINE_MS);
const output = [];
try {
  const { app, health } = await readyLine();
  const response = await fetch(new URL('/health/ready', health));
  expect(response.status === 200, `ready answered ${response.status}`);
  const page = await fetch(app);
  expect(page.ok && (await page.text()).includes('<script'), `the app answered ${page.status}`);
  server.kill('SIGTERM');
  const { code, signal } = await exited;
  expect(code === 0, `SIGTERM ended it with code ${code}, signal ${signal}`);
  const isDown = await fetch(health).then(
    () => false,
    () => true,
  );
  expect(isDown, 'the server outlived npm');
  console.log('npm start serves API and app, and SIGTERM stops it with exit code 0.');
} catch (error) {
  killAll();
  console.error(`${output.join('\n')}\n${error.message}`);
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  await exited;
  rmSync(dataDir, { recursive: true, force: true });
}

function killAll() {
  try {
    process.kill(-server.pid, 'SIGKILL');
  } catch {
    // The whole process group has ended already.
  }
}

function readyLine() {
  return new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      output.push(line);
      if (line.startsWith('{') && line.includes('Tidemark is ready')) resolve(JSON.parse(line));
    });
    exited.then(({ code, signal }) =>
      reject(new Error(`npm start ended with code ${code}, signal ${signal}`)),
    );
  });
}

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}
