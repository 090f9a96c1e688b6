// `npm run test:repeat`: runs the test files that differ from the branch main ten times, to find tests that fail sometimes.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, runScript, say } from './setup.mjs';

const TIMES = 10;

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
}

const [fork] = git('merge-base', 'main', 'HEAD');
const changed = [...git('diff', '--name-only', fork), ...git('ls-files', '--others', '--exclude-standard')];
const files = [...new Set(changed)].filter(
  (path) => /\.test\.tsx?$/.test(path) && existsSync(join(root, path)),
);
say(files.length > 0 ? `${TIMES} times: ${files.join(' ')}` : 'No test file differs from main.');
for (let run = 1; run <= TIMES && files.length > 0; run++) {
  say(`\nRun ${run} of ${TIMES} …`);
  if (runScript('test.mjs', [...files, ...process.argv.slice(2)]) !== 0) {
    say(`Run ${run} of ${TIMES} failed.`);
    process.exit(1);
  }
}
