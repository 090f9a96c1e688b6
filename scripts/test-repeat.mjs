// `npm run test:repeat`: runs test files ten times, to find tests that fail sometimes. By default those that differ from the
// branch main; `--base REF` names another commit, such as a release. All other arguments are passed to `npm test`.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, root, runScript, say } from './setup.mjs';

const TIMES = 10;

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')
      .filter(Boolean);
  } catch (error) {
    return fail(`git ${args[0]} failed: ${String(error.stderr).trim().split('\n')[0]}`);
  }
}

const args = process.argv.slice(2);
const flag = args.indexOf('--base');
const [, base = 'main'] = flag === -1 ? [] : args.splice(flag, 2);
const [fork] = git('merge-base', base, 'HEAD');
const changed = [...git('diff', '--name-only', fork), ...git('ls-files', '--others', '--exclude-standard')];
const files = [...new Set(changed)].filter(
  (path) => /\.test\.tsx?$/.test(path) && existsSync(join(root, path)),
);
say(
  files.length > 0
    ? `${TIMES} times: ${files.join(' ')}`
    : `No test file differs from ${base}. Another commit to compare with: npm run test:repeat -- --base REF`,
);
for (let run = 1; run <= TIMES && files.length > 0; run++) {
  say(`\nRun ${run} of ${TIMES} …`);
  if (runScript('test.mjs', [...files, ...args]) !== 0) {
    say(`Run ${run} of ${TIMES} failed.`);
    process.exit(1);
  }
}
