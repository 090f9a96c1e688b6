// Runs a TypeScript program of this repository, such as `node scripts/run.mjs demo/main.ts --seed 7`.
import { spawn } from 'node:child_process';
import { binPath, ensureBuilt, ensureInstalled, root } from './setup.mjs';

await ensureInstalled();
ensureBuilt(); // the programs start the real server
const child = spawn(process.execPath, [binPath('tsx'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// Ctrl-C reaches the program by itself; it decides when to end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('close', (code, signal) => {
  if (signal) process.removeAllListeners(signal);
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code;
});
