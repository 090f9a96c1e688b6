// Installs what a package-lock.json names. Uses Node's own modules only.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a folder's node_modules holds exactly what its lock file names, by npm's own record: a manual `npm ci` counts. */
export function isInstalled(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson(join(folder, 'package-lock.json')).packages).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  );
}

/** Runs `npm ci` in a folder; gives its exit code and all that it wrote. */
export async function install(folder) {
  // Under `npm start` this is the npm that runs us; Windows has no npm that could be started without a shell.
  const ownNpm = /npm-cli\.c?js$/.test(process.env.npm_execpath ?? '') && process.env.npm_execpath;
  const [command, args] = ownNpm ? [process.execPath, [ownNpm, 'ci']] : ['npm', ['ci']];
  // NODE_ENV=production would leave out the compilers.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const shell = !ownNpm && process.platform === 'win32';
  return runQuietly(command, [...args, ...options], { cwd: folder, shell });
}

/** Runs a program to its end; gives its exit code and all that it wrote. */
export async function runQuietly(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  // When another part of the set-up fails, this one must not go on behind the back of whoever tries again.
  const stop = () => child.kill();
  process.once('exit', stop);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('exit', stop);
  return { status, output };
}

/** The beginning and the end of what a failed program wrote: there it says why. */
export function excerpt(output) {
  const lines = output.trim().split('\n');
  return (lines.length > 30 ? [...lines.slice(0, 12), '…', ...lines.slice(-16)] : lines).join('\n');
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
