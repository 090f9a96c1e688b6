import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ownPath = fileURLToPath(import.meta.url);
const root = join(dirname(ownPath), '..', '..');

/** What Node loads in place of a file: `src/app.ts` → `dist/app.js`. */
function compiledFrom(path) {
  const inSrc = relative(join(root, 'src'), path);
  return inSrc.startsWith('..') ? path : join(root, 'dist', inSrc.replace(/\.ts$/, '.js'));
}

/**
 * The Jest transform of everything but the tests themselves: each module of src/ and of node_modules becomes one line that
 * takes the module from Node, which loads it once for all test files of a worker. Jest would load the server's thousands of
 * modules anew for each file. Modules of src/ are taken from dist/, compiled by the global set-up if they have changed: the
 * tests run what is shipped, and a worker process of the server runs the same code as its parent.
 *
 * Hence the server's objects come from another realm than a test's: compare them with `toEqual`, not `toStrictEqual`.
 */
export default {
  process: (_text, path) => ({
    // Jest also transforms modules of the test environment and the global set-up: there a module loads itself as usual.
    code:
      `if (globalThis.requireNatively) module.exports = requireNatively(${JSON.stringify(compiledFrom(path))});\n` +
      `else module._compile(require('node:fs').readFileSync(__filename, 'utf8'), __filename);`,
  }),
  getCacheKey: (_text, path) => `${path}\n${readFileSync(ownPath, 'utf8')}`,
};
