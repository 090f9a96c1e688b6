// Makes a checkout ready to run: `prepare.mjs packages` installs, `server` also compiles the server, `app` builds the web app.
// Skips what is up to date.
import { ensureAppBuilt, ensureAppInstalled } from './app.mjs';
import { ensureBuilt, ensureInstalled } from './setup.mjs';

const wants = (word) => process.argv.slice(2).includes(word);
if (wants('packages')) await Promise.all([ensureInstalled(), ensureAppInstalled()]);
await Promise.all([wants('server') && ensureInstalled(), wants('app') && ensureAppBuilt()]);
if (wants('server')) await ensureBuilt();
