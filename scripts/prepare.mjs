// Makes a checkout ready to run: `prepare.mjs server` installs and compiles the server, `prepare.mjs app` the web app.
// What is up to date costs nothing.
import { ensureAppBuilt } from './app.mjs';
import { ensureBuilt, ensureInstalled } from './setup.mjs';

const wanted = process.argv.slice(2);
await Promise.all([
  wanted.includes('server') && ensureInstalled(),
  wanted.includes('app') && ensureAppBuilt(),
]);
if (wanted.includes('server')) await ensureBuilt();
