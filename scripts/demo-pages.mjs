// Builds the demo of live documents, client/demo, into the web app's folder: the pages at /documents/demo.
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { listFiles, root } from './setup.mjs';

const source = join(root, 'client', 'demo');
/** Below the app's folder; its address below the server's. */
const PLACE = ['documents', 'demo'];
const COPIED = ['.html', '.css'];

/** What goes into the pages, besides the client's own sources. */
export const demoSources = () => listFiles(source);

/** Builds the pages into `<folder>/documents/demo`. Needs the root's dependencies. @throws Error that names file and line */
export async function buildDemoPages(folder) {
  const target = join(folder, ...PLACE);
  mkdirSync(target, { recursive: true });
  for (const path of demoSources()) {
    if (COPIED.includes(extname(path))) cpSync(path, join(target, path.slice(source.length + 1)));
  }
  const require = createRequire(join(root, 'package.json'));
  cpSync(require.resolve('@vlcn.io/wa-sqlite/dist/crsqlite.wasm'), join(target, 'crsqlite.wasm'));
  const { build } = await import('esbuild');
  await build({
    entryPoints: {
      demo: join(source, 'main.ts'),
      'engine-worker': join(root, 'client', 'src', 'documents', 'copy', 'worker.ts'),
    },
    outdir: target,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
}
