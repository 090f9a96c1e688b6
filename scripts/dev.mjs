// `npm run dev`: compiles and restarts the server whenever a source file is saved.
import { spawn } from 'node:child_process';
import { binPath, ensureBuilt, ensureInstalled, root } from './setup.mjs';

await ensureInstalled();
ensureBuilt();
const compiler = [
  binPath('typescript', 'tsc'),
  '-p',
  'tsconfig.build.json',
  '--watch',
  '--preserveWatchOutput',
];
const server = ['--watch', '--watch-preserve-output', 'bin/tidemark.js', 'start', ...process.argv.slice(2)];
const children = [compiler, server].map((args) =>
  spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }),
);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => children.forEach((child) => child.kill(signal)));
}
for (const child of children) {
  child.once('close', () => children.forEach((other) => other.kill('SIGTERM')));
}
