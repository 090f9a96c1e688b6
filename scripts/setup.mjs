// Prepares a fresh clone. Uses Node's own modules only: nothing else is there yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { excerpt, install, isInstalled, runQuietly } from './packages.mjs';

const MINIMUM_NODE = [20, 19];

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installStamp = join(root, 'node_modules', '.tidemark-installed');
/** The build writes it; one that names classes which are gone would fail the next build. */
const metadata = join(root, 'src', 'metadata.ts');
const buildStamp = join(root, 'dist', '.tidemark-built');

/** Ends the process with one clear line when this Node is too old to go on. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(`Tidemark needs Node ${MINIMUM_NODE.join('.')} or newer; this is ${process.versions.node}.`);
}

/** Installs the dependencies unless exactly those of package-lock.json are there already. */
export async function ensureInstalled() {
  checkNode();
  const lock = readFileSync(join(root, 'package-lock.json'));
  // A native module fits one platform and one generation of Node.
  const runtime = [process.platform, process.arch, process.versions.modules].join('-');
  const wanted = `${createHash('sha256').update(lock).digest('hex')} ${runtime}`;
  if (readText(installStamp) === wanted) return;
  if (!isInstalled(root) || !isDatabaseLoadable()) {
    const isFirst = !existsSync(join(root, 'node_modules'));
    say(`Installing dependencies (${isFirst ? 'first start only' : 'they have changed'}) …`);
    await installServer();
  }
  writeFileSync(installStamp, wanted);
}

/** Compiles src/ into dist/ unless nothing has changed since the last time. */
export async function ensureBuilt() {
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', '.swcrc'];
  const inputs = [
    ...listFiles(join(root, 'src')).filter((path) => path !== metadata),
    ...configs.map((name) => join(root, name)),
    join(root, 'package-lock.json'),
  ];
  const wanted = hashOf(inputs);
  if (readText(buildStamp) === wanted) return;
  say('Building …');
  rmSync(metadata, { force: true });
  const args = [binPath('@nestjs/cli', 'nest'), 'build'];
  const { status, output } = await runQuietly(process.execPath, args, { cwd: root });
  if (status !== 0) {
    say(excerpt(output));
    fail('The build failed; the lines above say where.', status || 1);
  }
  removeStale();
  writeFileSync(buildStamp, wanted);
}

/** Removes what was compiled from sources that are gone. Before the build, a server that runs from dist/ would miss files. */
function removeStale() {
  const [sources, compiled] = ['src', 'dist'].map((folder) => join(root, folder));
  const known = new Set(listFiles(sources).map((path) => relative(sources, path).replace(/\.ts$/, '')));
  for (const path of listFiles(compiled)) {
    if (!known.has(relative(compiled, path).replace(/\.js(\.map)?$/, ''))) rmSync(path);
  }
}

/** Names the content of files; by content, not by time, so that a checkout that changes nothing costs no build. */
export function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** Runs a program of a dependency to its end and gives its exit code. */
export function runBin(packageName, program, args, env = {}, folder = root) {
  return runNode([binPath(packageName, program, folder), ...args], env, folder);
}

/** Runs another of these scripts to its end and gives its exit code. */
export function runScript(name, args) {
  return runNode([join(root, 'scripts', name), ...args], {}, root);
}

function runNode(args, env, cwd) {
  const options = { cwd, stdio: 'inherit', env: { ...process.env, ...env } };
  const result = spawnSync(process.execPath, args, options);
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** Where a dependency's program lies; run by Node itself it needs no shell and no executable bit. */
export function binPath(packageName, program = packageName, folder = root) {
  const home = join(folder, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  return join(home, typeof bin === 'string' ? bin : bin[program]);
}

/** Says in one line what is being done, out of the way of what a program prints. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Ends the process with one clear line. */
export function fail(line, status = 1) {
  say(line);
  process.exit(status);
}

/** A file's text; undefined when there is none. */
export function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Every file below a folder, sorted. */
export function listFiles(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function isDatabaseLoadable() {
  const script = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ['-e', script], { cwd: root }).status === 0;
}

async function installServer() {
  const { status, output } = await install(root);
  if (status === 0 && isDatabaseLoadable()) return;
  say(excerpt(output));
  if (status === 0 || /better-sqlite3|node-gyp/.test(output)) explainCompiler();
  fail('The dependencies could not be installed; the lines above say why.', status || 1);
}

/** Says what a machine lacks to compile better-sqlite3, which it must where no compiled one can be downloaded. */
function explainCompiler() {
  const tools = {
    'a C++ compiler (g++ or clang++)': ['c++', 'g++', 'clang++'],
    make: ['make'],
    python3: ['python3'],
  };
  const missing = Object.entries(tools)
    .filter(([, names]) => !names.some(isOnPath))
    .map(([tool]) => tool);
  if (missing.length === 0) return;
  say(`better-sqlite3 had to be compiled on this machine, which lacks: ${missing.join(', ')}.`);
  say('On Debian and Ubuntu: apt-get install g++ make python3');
}

function isOnPath(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}
