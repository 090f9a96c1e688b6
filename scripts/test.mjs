// `npm test`: every test, or those that the given Jest arguments name.
import { ensureBuilt, ensureInstalled, runBin } from './setup.mjs';

await ensureInstalled();
ensureBuilt(); // some tests run the server as a process of its own
process.exitCode = runBin('jest', 'jest', process.argv.slice(2), { NODE_ENV: 'test' });
