// `npm run dev`: runs `nest start --watch` in its own process group. On SIGTERM Nest alone would leave its server running.
import { spawn } from 'node:child_process';
import { binPath, root } from './setup.mjs';

const nest = [binPath('@nestjs/cli', 'nest'), 'start', '--watch', '--', 'start', ...process.argv.slice(2)];
const child = spawn(process.execPath, nest, { cwd: root, stdio: 'inherit', detached: true });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.kill(-child.pid, signal));
child.once('close', (code) => (process.exitCode = code ?? 1));
