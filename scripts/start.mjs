// `npm start`: everything from a fresh clone to a running server with the web app.
import { ensureAppBuilt } from './app.mjs';
import { ensureInstalled } from './setup.mjs';

await Promise.all([ensureInstalled(), ensureAppBuilt()]);
await import('./serve.mjs');
