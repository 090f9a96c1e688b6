import { once } from 'node:events';
import { startPostgres } from './postgres.js';
import { POSTGRES_SOCKET_DIR } from './storage.js';

// A program: runs the PostgreSQL of a test run until its input ends. Its first line is what to add to the environment.
process.on('SIGINT', () => undefined); // Ctrl-C reaches the test run, too, whose end then ends the input
const postgres = await startPostgres();
process.stdout.write(`${JSON.stringify({ [POSTGRES_SOCKET_DIR]: postgres.socketDir })}\n`);
await once(process.stdin.resume(), 'end');
await postgres.stop();
