import { readdirSync, statSync } from 'node:fs';
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
  if (newestMs(dist) < newestMs(root)) throw new Error('dist/ is older than src/: run npm run build.');
  return new URL(module.href.slice(root.href.length), dist);
}

/** When a file of the folder was last written, epoch ms; -1: there is none. */
function newestMs(folder: URL): number {
  const path = fileURLToPath(folder);
  try {
    const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
    return Math.max(
      -1,
      ...files
        .map((file) => statSync(`${path}${file}`))
        .filter((stats) => stats.isFile())
        .map(({ mtimeMs }) => mtimeMs),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return -1;
  }
}
