import { cpSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { workerFile } from '../../src/foundation/workers/worker-file.js';
import { makeScratchDir } from '../support/scratch.js';

const SOURCE = 'src/foundation/workers/worker-file.ts';

/** A project of one source beside the room of workers; the functions set when its files were written. */
async function makeProject() {
  const folder = makeScratchDir('worker-file');
  const source = join(folder, 'src', 'tasks.ts');
  const compiled = join(folder, 'dist', 'tasks.js');
  mkdirSync(join(folder, 'dist'));
  cpSync(SOURCE, join(folder, SOURCE));
  for (const file of [source, compiled]) writeFileSync(file, '');
  const writtenAt = (file: string) => (date: string) => utimesSync(file, new Date(date), new Date(date));
  writtenAt(join(folder, SOURCE))('2026-01-01');
  const module = (await import(join(folder, SOURCE))) as { workerFile: typeof workerFile };
  return {
    find: () => module.workerFile(new URL('tasks.js', pathToFileURL(`${folder}/src/`))).href,
    compiled: pathToFileURL(compiled).href,
    edit: writtenAt(source),
    build: writtenAt(compiled),
    removeBuild: () => rmSync(join(folder, 'dist'), { recursive: true }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

test('a worker of sources runs what was compiled from them, never something older', async () => {
  using project = await makeProject();
  project.edit('2026-02-01');
  project.build('2026-02-02');
  expect(project.find()).toBe(project.compiled);
  project.edit('2026-02-03');
  expect(() => project.find()).toThrow('npm run build');
  project.build('2026-02-04');
  expect(project.find()).toBe(project.compiled);
  project.removeBuild();
  expect(() => project.find()).toThrow('npm run build');
});
