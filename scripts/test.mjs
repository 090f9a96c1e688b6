// `npm test` runs the quick tests of the server, the app and the browser. With paths among its arguments it runs those files
// and folders, quick or long. `npm run test:long` (`--long`) runs the files named *.long.test.ts, and the conformance tests
// on the system's PostgreSQL. `--load` keeps two processor cores busy meanwhile. All other arguments are passed to Jest.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { appFolder, ensureAppBuilt, ensureAppInstalled } from './app.mjs';
import { findChromium } from './chromium.mjs';
import { ensureBuilt, ensureInstalled, readText, root, runBin, say } from './setup.mjs';

const SLOWEST_SHOWN = 10;
const POSTGRES_FOLDER = '/usr/lib/postgresql'; // on Debian and Ubuntu
/** A busy loop; it ends with the process that started it, and after an hour at the latest. */
const BUSY_LOOP =
  'const parent = process.ppid, end = Date.now() + 3.6e6; while (process.ppid === parent && Date.now() < end);';

const own = ['--long', '--load'];
const [isLong, isLoaded] = own.map((flag) => process.argv.includes(flag));
const args = process.argv.slice(2).filter((arg) => !own.includes(arg));
const timesFolder = mkdtempSync(join(tmpdir(), 'tidemark-test-times-'));
const times = join(timesFolder, 'times');
const env = { NODE_ENV: 'test', TEST_TIMES: times };

const suites = {
  server: (args) => runJest(args),
  app: (args) => runJest(args, {}, appFolder),
  browser: runInBrowser,
  postgres: runOnSystemPostgres,
};

function runJest(args, extraEnv = {}, folder = root) {
  const reporters = ['default', join(root, 'test/support/slowest-files.mjs')];
  const options = ['--passWithNoTests', ...reporters.map((name) => `--reporters=${name}`)];
  return runBin('jest', 'jest', [...args, ...options], { ...env, ...extraEnv }, folder);
}

async function runInBrowser(args) {
  const chromium = findChromium();
  if (!chromium)
    return missing('The browser tests', 'no Chromium starts here. Install one, or set CHROMIUM_PATH.');
  await ensureAppBuilt();
  return runJest(['--config', 'test/browser/jest.config.js', ...args], { CHROMIUM_PATH: chromium });
}

/** Runs the conformance tests again on the system's newest PostgreSQL, which is older than that of the npm packages. */
function runOnSystemPostgres() {
  const versions = existsSync(POSTGRES_FOLDER) ? readdirSync(POSTGRES_FOLDER) : [];
  const binDir = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(POSTGRES_FOLDER, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
  if (!binDir) return missing('The tests on an older PostgreSQL', `there is none in ${POSTGRES_FOLDER}.`);
  return runJest(['test/conformance', '--testNamePattern', 'on postgres'], { POSTGRES_BIN_DIR: binDir });
}

/** Reports tests that cannot run here: a failure in CI, else a warning. @returns the exit code */
function missing(what, why) {
  say(`\n!! ${what} did NOT run: ${why}\n`);
  return process.env.CI === 'true' ? 1 : 0;
}

/** The suites to run with their arguments: the given paths; without paths, all quick files or all long ones. */
function chosenRuns() {
  const paths = args.filter(isPath).map((path) => relative(root, resolve(root, path)).replaceAll('\\', '/'));
  const options = args.filter((arg) => !isPath(arg));
  if (paths.length > 0) {
    return [...new Set(paths.map(suiteOf))].map((suite) => {
      const own = paths.filter((path) => suiteOf(path) === suite);
      const seen = suite === 'app' ? own.map((path) => relative(appFolder, join(root, path)) || '.') : own;
      return [suite, [...seen, ...options]];
    });
  }
  const kind = isLong ? '\\.long\\.test\\.' : '^(?!.*\\.long\\.test\\.)';
  const names = ['server', 'app', 'browser', ...(isLong ? ['postgres'] : [])];
  return names.map((suite) => [suite, [kind, ...options]]);
}

function suiteOf(path) {
  if (/^mobile(\/|$)/.test(path)) return 'app';
  return path.startsWith('test/browser') ? 'browser' : 'server';
}

function isPath(arg) {
  return !arg.startsWith('-') && existsSync(resolve(root, arg));
}

function startBusyLoop() {
  return spawn(process.execPath, ['-e', BUSY_LOOP], { stdio: 'ignore' });
}

function reportSlowest() {
  const files = (readText(times) ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const slowest = files.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_SHOWN);
  say(`\nThe slowest of ${files.length} test files:`);
  for (const { path, ms } of slowest)
    say(`${(ms / 1_000).toFixed(1).padStart(7)} s  ${relative(root, path)}`);
  say(`All of it took ${Math.round(performance.now() / 1_000)} s.`);
}

await ensureInstalled();
await ensureAppInstalled(); // the server's tests also run the app's sync
await ensureBuilt(); // the tests run the built server
const busyLoops = isLoaded ? [startBusyLoop(), startBusyLoop()] : [];
try {
  for (const [suite, suiteArgs] of chosenRuns()) {
    const status = await suites[suite](suiteArgs);
    if (status !== 0) process.exitCode = status;
  }
  reportSlowest();
} finally {
  for (const busyLoop of busyLoops) busyLoop.kill();
  rmSync(timesFolder, { recursive: true, force: true });
}
