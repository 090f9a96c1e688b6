// Prepares the scorekeeping app in mobile/: installs its dependencies and builds the web app that the server serves.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { buildDemoPages, demoSources } from './demo-pages.mjs';
import { excerpt, install, isInstalled, runQuietly } from './packages.mjs';
import {
  binPath,
  checkNode,
  ensureInstalled,
  fail,
  hashOf,
  listFiles,
  readText,
  root,
  say,
} from './setup.mjs';

/** The app's folder, which has its own package.json and lock file. */
export const appFolder = join(root, 'mobile');
const installStamp = join(appFolder, 'node_modules', '.tidemark-installed');
const built = join(appFolder, 'dist');
const BUILD_STAMP = '.tidemark-built';

/** Entries of mobile/ that do not go into the web app. */
const NOT_BUILT = ['node_modules', 'dist', 'test', 'coverage', 'android', 'ios', 'plugins'];
const COMPRESSIBLE = ['.html', '.js', '.css', '.json', '.svg', '.ttf', '.ico', '.wasm'];
const OUTPUT_ENV = { CI: '1', EXPO_NO_TELEMETRY: '1', EXPO_OFFLINE: '1', EXPO_PUBLIC_API_URL: '' };

/** Installs the app's dependencies, unless those of its package-lock.json are installed already. */
export async function ensureAppInstalled() {
  checkNode();
  const wanted = hashOf([join(appFolder, 'package-lock.json')]);
  if (readText(installStamp) === wanted) return;
  if (!isInstalled(appFolder)) {
    const isFirst = !existsSync(join(appFolder, 'node_modules'));
    say(
      `Installing the app's dependencies (${isFirst ? 'first start only' : 'they have changed'}; about a minute) …`,
    );
    const { status, output } = await install(appFolder);
    if (status !== 0) {
      say(excerpt(output));
      fail(`The app's dependencies could not be installed; the lines above say why. ${WITHOUT_APP}`, status);
    }
  }
  writeFileSync(installStamp, wanted);
}

/** Builds the web app and the demo's pages into mobile/dist, if anything that goes into it has changed since the last build. */
export async function ensureAppBuilt() {
  const shared = ['src/protocol', 'client/src'].flatMap((folder) => listFiles(join(root, folder)));
  const wanted = hashOf([...listSources(), ...demoSources(), ...shared]);
  if (readText(join(built, BUILD_STAMP)) === wanted) return;
  await Promise.all([ensureInstalled(), ensureAppInstalled()]);
  say('Building the web app (about half a minute; only when it has changed) …');
  removeAbandonedBuilds();
  // Build beside the old app, which must stay complete if the build fails or another process is serving it.
  const folder = join(appFolder, `.dist-${process.pid}`);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const args = [binPath('expo', 'expo', appFolder), 'export', '--platform', 'web', '--output-dir', folder];
  const env = { ...process.env, ...OUTPUT_ENV };
  const { status, output } = await runQuietly(process.execPath, args, { cwd: appFolder, env });
  if (status !== 0 || !existsSync(join(folder, 'index.html'))) {
    say(excerpt(output));
    fail(`The web app could not be built; the lines above say why. ${WITHOUT_APP}`, status || 1);
  }
  try {
    await buildDemoPages(folder);
  } catch (error) {
    fail(`The demo of live documents could not be built: ${error.message}`);
  }
  compressFiles(folder);
  writeFileSync(join(folder, BUILD_STAMP), wanted);
  rmSync(built, { recursive: true, force: true });
  renameSync(folder, built);
}

/** Removes the folders of builds that were killed. */
function removeAbandonedBuilds() {
  for (const name of readdirSync(appFolder)) {
    const [, pid] = /^\.dist-(\d+)$/.exec(name) ?? [];
    if (pid && !isRunning(Number(pid))) rmSync(join(appFolder, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const WITHOUT_APP = 'The server alone: npm run start:server';

function listSources() {
  return readdirSync(appFolder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !NOT_BUILT.includes(name))
    .flatMap((entry) => {
      const path = join(appFolder, entry.name);
      return entry.isDirectory() ? listFiles(path) : [path];
    });
}

/** Writes compressed copies beside the files. Compressed as far as possible, as this happens once per build. */
function compressFiles(folder) {
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  for (const path of listFiles(folder).filter((file) => COMPRESSIBLE.includes(extname(file)))) {
    const content = readFileSync(path);
    writeFileSync(`${path}.br`, brotliCompressSync(content, options));
    writeFileSync(`${path}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
  }
}
