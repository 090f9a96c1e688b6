import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseName } from './app.js';
import { makeScratchDir } from './scratch.js';
import { createStorage, type Storage } from './storage.js';

/** What a test's servers share. */
interface Store {
  storage: Storage;
  /** A folder for uploaded objects. */
  objects: string;
}

/** Gives each test of a block a database and a folder for objects, which outlive the servers that it starts. */
export function storeForEach(database: DatabaseName): () => Store {
  let store: Store | undefined;
  let folder: string;
  beforeEach(async () => {
    folder = makeScratchDir('store');
    store = { storage: await createStorage(database), objects: join(folder, 'objects') };
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await store?.storage.dispose();
  });
  return () => store!;
}
