// `npm test`: the server's tests, the app's, and those in a browser; with arguments, the ones that these Jest arguments name.
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { appFolder, ensureAppBuilt, ensureAppInstalled } from './app.mjs';
import { findChromium } from './chromium.mjs';
import { ensureBuilt, ensureInstalled, root, runBin, say } from './setup.mjs';

const env = { NODE_ENV: 'test' };

const suites = {
  server: (args) => runBin('jest', 'jest', args, env),
  app: (args) => runBin('jest', 'jest', args.map(seenFromApp), env, appFolder),
  browser: runInBrowser,
};

async function runInBrowser(args) {
  const chromium = findChromium();
  if (!chromium) {
    say('\n!! The browser tests did NOT run: no Chromium starts here. Install one, or set CHROMIUM_PATH.\n');
    return process.env.CI === 'true' ? 1 : 0;
  }
  await ensureAppBuilt();
  const config = ['--config', 'test/browser/jest.config.js'];
  return runBin('jest', 'jest', [...config, ...args], { ...env, CHROMIUM_PATH: chromium });
}

/** The suites that the paths among the arguments belong to; all of them when there is no path. */
function chosenSuites(args) {
  const paths = args.filter(isPath).map((path) => relative(root, resolve(root, path)).replaceAll('\\', '/'));
  return paths.length === 0 ? Object.keys(suites) : [...new Set(paths.map(suiteOf))];
}

function suiteOf(path) {
  if (path.startsWith('mobile/')) return 'app';
  return path.startsWith('test/browser') ? 'browser' : 'server';
}

function isPath(arg) {
  return !arg.startsWith('-') && existsSync(resolve(root, arg));
}

function seenFromApp(arg) {
  return isPath(arg) ? relative(appFolder, resolve(root, arg)) : arg;
}

await ensureInstalled();
await ensureAppInstalled(); // its sync is also tested here, in Node
await ensureBuilt(); // some tests run the server as a process of its own
const args = process.argv.slice(2);
for (const name of chosenSuites(args)) {
  const status = await suites[name](args);
  if (status !== 0) process.exitCode = status;
}
