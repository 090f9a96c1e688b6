// Installs the packages of a package-lock.json. Uses only Node's own modules.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether node_modules has all packages of the lock file, by npm's own record, so that a manual `npm ci` counts too. */
export function isInstalled(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson(join(folder, 'package-lock.json')).packages).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  );
}

/** Runs `npm ci` in a folder; returns its exit code and output. */
export async function install(folder) {
  // Under `npm start`, use the npm that runs this script. Otherwise, on Windows, npm can only be started by a shell.
  const ownNpm = /npm-cli\.c?js$/.test(process.env.npm_execpath ?? '') && process.env.npm_execpath;
  const [command, args] = ownNpm ? [process.execPath, [ownNpm, 'ci']] : ['npm', ['ci']];
  // Without --include=dev, NODE_ENV=production would leave out the compilers.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const shell = !ownNpm && process.platform === 'win32';
  return runQuietly(command, [...args, ...options], { cwd: folder, shell });
}

/** Runs a program to its end; returns its exit code and output. */
export async function runQuietly(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  // If another part of the set-up fails and ends this process, the program must not keep running during the next attempt.
  const stop = () => child.kill();
  process.once('exit', stop);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('exit', stop);
  return { status, output };
}

/** The beginning and the end of a failed program's output, which usually name the cause. */
export function excerpt(output) {
  const lines = output.trim().split('\n');
  return (lines.length > 30 ? [...lines.slice(0, 12), '…', ...lines.slice(-16)] : lines).join('\n');
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
