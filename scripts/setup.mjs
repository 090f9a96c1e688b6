// Prepares a fresh clone. Uses only Node's own modules, as nothing else is installed yet.
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
/** Written by each build; if it names deleted classes, the next build fails. */
const metadata = join(root, 'src', 'metadata.ts');
const buildStamp = join(root, 'dist', '.tidemark-built');

/** Ends the process with one clear line if this Node is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(`Tidemark needs Node ${MINIMUM_NODE.join('.')} or newer; this is ${process.versions.node}.`);
}

let installing;

/** Installs the dependencies, unless those of package-lock.json are installed already; once, however many ask. */
export function ensureInstalled() {
  return (installing ??= installIfNeeded());
}

async function installIfNeeded() {
  checkNode();
  const lock = readFileSync(join(root, 'package-lock.json'));
  // A native module works only with one platform and one ABI version of Node.
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

/** Compiles src/ into dist/, if anything has changed since the last build. */
export async function ensureBuilt() {
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'tsconfig.types.json', 'nest-cli.json', '.swcrc'];
  const inputs = [
    ...listFiles(join(root, 'src')).filter((path) => path !== metadata),
    ...configs.map((name) => join(root, name)),
    join(root, 'package-lock.json'),
  ];
  const wanted = hashOf(inputs);
  if (readText(buildStamp) === wanted) return;
  say('Building …');
  rmSync(metadata, { force: true });
  await compile(binPath('@nestjs/cli', 'nest'), ['build']);
  // The types of `tidemark/schema`, for the editors of people who declare own tables.
  await compile(binPath('typescript', 'tsc'), ['--project', 'tsconfig.types.json']);
  removeStale();
  writeFileSync(buildStamp, wanted);
}

async function compile(program, args) {
  const { status, output } = await runQuietly(process.execPath, [program, ...args], { cwd: root });
  if (status === 0) return;
  say(excerpt(output));
  fail('The build failed; the lines above say where.', status || 1);
}

/** Removes compiled files whose sources are gone. Runs after the build, as a server may be running from dist/. */
function removeStale() {
  const [sources, compiled] = ['src', 'dist'].map((folder) => join(root, folder));
  const known = new Set(listFiles(sources).map((path) => relative(sources, path).replace(/\.ts$/, '')));
  for (const path of listFiles(compiled)) {
    if (!known.has(relative(compiled, path).replace(/\.(js(\.map)?|d\.ts)$/, ''))) rmSync(path);
  }
}

/** A hash of files' paths and contents, not of their times: a checkout that changes no content needs no build. */
export function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** Runs a dependency's program to its end; returns its exit code. */
export function runBin(packageName, program, args, env = {}, folder = root) {
  return runNode([binPath(packageName, program, folder), ...args], env, folder);
}

/** Runs another of these scripts to its end; returns its exit code. */
export function runScript(name, args) {
  return runNode([join(root, 'scripts', name), ...args], {}, root);
}

function runNode(args, env, cwd) {
  const options = { cwd, stdio: 'inherit', env: { ...process.env, ...env } };
  const result = spawnSync(process.execPath, args, options);
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** The path of a dependency's program; run by `node <path>`, it needs no shell and no executable bit. */
export function binPath(packageName, program = packageName, folder = root) {
  const home = join(folder, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  return join(home, typeof bin === 'string' ? bin : bin[program]);
}

/** Prints a line on stderr, apart from the output of programs. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Ends the process with one clear line. */
export function fail(line, status = 1) {
  say(line);
  process.exit(status);
}

/** A file's text; undefined: there is no such file. */
export function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** All files below a folder, sorted. */
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

/** Prints the tools that this machine lacks to compile better-sqlite3, needed where npm finds no compiled one. */
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
