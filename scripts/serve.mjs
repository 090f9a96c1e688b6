// The server itself. It runs in this very process, so that Ctrl-C and SIGTERM reach it and its exit code is this one's.
import { ensureBuilt, ensureInstalled } from './setup.mjs';

await ensureInstalled();
ensureBuilt();
process.argv.splice(2, 0, 'start');
await import('../bin/tidemark.js');
