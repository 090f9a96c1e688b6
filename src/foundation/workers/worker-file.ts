import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `dist/` when this is compiled, `src/` when tests run the sources. */
const root = new URL('../../', import.meta.url);
const isCompiled = import.meta.url.endsWith('.js');

/**
 * The file that a thread or a process of its own is started with: always a compiled one, as Node loads no TypeScript there.
 * @param module the module's address beside its caller: `new URL('./tasks.js', import.meta.url)`
 * @throws Error when the sources run and `dist/` is missing or older than they are
 */
export function workerFile(module: URL): URL {
  if (isCompiled) return module;
  const dist = new URL('../dist/', root);
  if (newestMs(dist, '.js') < newestMs(root, '.ts'))
    throw new Error('dist/ is missing or older than src/: run npm run build.');
  return new URL(module.href.slice(root.href.length), dist);
}

/** When a file with this ending was last written in the folder, epoch ms; -1: there is none. */
function newestMs(folder: URL, ending: string): number {
  const path = fileURLToPath(folder);
  if (!existsSync(path)) return -1;
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const times = files.filter((file) => file.endsWith(ending)).map((file) => statSync(path + file).mtimeMs);
  return Math.max(-1, ...times);
}
