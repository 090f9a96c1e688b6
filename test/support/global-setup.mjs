import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../../scripts/setup.mjs';

const PROGRAM = fileURLToPath(new URL('postgres-server.ts', import.meta.url));

/** Compiles the server if its sources have changed, and starts the PostgreSQL of this test run for all workers. */
export default async function globalSetup() {
  await ensureBuilt();
  // In a separate process: tsx would slow down every module that tests load in this one.
  const postgres = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(postgres, 'exit');
  const line = once(createInterface(postgres.stdout), 'line');
  const [said] = await Promise.race([line, exited.then(() => [])]);
  if (said === undefined) throw new Error('The PostgreSQL of the tests did not start; see above.');
  Object.assign(process.env, JSON.parse(said));
  globalThis.stopTestPostgres = async () => {
    postgres.stdin.end();
    await exited;
  };
}
