import { once } from 'node:events';
import { startPostgres } from './postgres.js';
import { POSTGRES_SOCKET_DIR } from './storage.js';

// A program: runs the PostgreSQL of a test run until its input ends. Its first line adds variables to the environment.
process.on('SIGINT', () => undefined); // Ctrl-C also ends the test run, and with it this process's input
const postgres = await startPostgres();
process.stdout.write(`${JSON.stringify({ [POSTGRES_SOCKET_DIR]: postgres.socketDir })}\n`);
await once(process.stdin.resume(), 'end');
await postgres.stop();
