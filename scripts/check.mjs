// `npm run check`: everything that CI asks of a change, the quick answers first.
import { appFolder, ensureAppInstalled } from './app.mjs';
import { ensureInstalled, runBin, runScript, say } from './setup.mjs';

await ensureInstalled();
await ensureAppInstalled();
const steps = {
  format: () => runBin('prettier', 'prettier', ['--check', '.', '--log-level', 'warn']),
  lint: () => runBin('eslint', 'eslint', ['.', '--max-warnings', '0']),
  readme: () => runScript('readme.mjs', ['--check']),
  types: () =>
    runBin('typescript', 'tsc', ['-p', 'tsconfig.json']) ||
    runBin('typescript', 'tsc', ['--noEmit'], {}, appFolder),
  tests: () => runScript('test.mjs', []),
};
const chosen = process.argv.slice(2);
for (const [name, run] of Object.entries(steps)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  say(`Checking ${name} …`);
  const status = run();
  if (status !== 0) process.exit(status);
}
