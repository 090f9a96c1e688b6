// Runs a TypeScript program of this repository, such as `node scripts/run.mjs demo/main.ts --seed 7`; one that drives
// the app takes `--with-app` before its name.
import { spawn } from 'node:child_process';
import { ensureAppBuilt, ensureAppInstalled } from './app.mjs';
import { binPath, ensureBuilt, ensureInstalled, root } from './setup.mjs';

await ensureInstalled();
ensureBuilt(); // the programs start the real server
const program = process.argv.slice(2);
if (program[0] === '--with-app') {
  program.shift();
  await ensureAppInstalled();
  await ensureAppBuilt();
}
const child = spawn(process.execPath, [binPath('tsx'), ...program], {
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
