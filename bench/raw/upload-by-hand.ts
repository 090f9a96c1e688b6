import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import { workingCopyPath } from '../../src/documents/content/copy-files.js';

/** A document to upload. */
export interface UploadJob {
  accountId: string;
  videoId: string;
  epoch: number;
}

/** The level at which Tidemark compresses. */
const GZIP_LEVEL = 3;

/** Copies, checks, compresses and stores, one step after another as in a script. @returns the duration in ms */
export async function uploadByHand(
  dataDir: string,
  { accountId, videoId, epoch }: UploadJob,
): Promise<number> {
  const ref = { accountId, videoId, kind: 'layout' };
  const documents = dirname(workingCopyPath(join(dataDir, 'documents', '0'), ref, { epoch, mark: null }));
  const name = (await readdir(documents)).find((file) => file.startsWith(`${epoch}-`))!;
  const source = join(documents, name);
  const folder = await mkdtemp(join(dataDir, 'by-hand-'));
  const [copy, packed, target] = ['copy.db', 'packed.gz', 'target.gz'].map((name) => join(folder, name));
  const begun = performance.now();
  try {
    const database = new BetterSqlite(source, { readonly: true });
    database.prepare('VACUUM INTO ?').run(copy);
    database.close();
    const copied = new BetterSqlite(copy, { readonly: true });
    if (copied.pragma('integrity_check', { simple: true }) !== 'ok') throw new Error('The copy is damaged.');
    copied.close();
    await pipeline(createReadStream(copy!), createGzip({ level: GZIP_LEVEL }), createWriteStream(packed!));
    await copyFile(packed!, target!);
    const handle = await open(target!, 'r+');
    await handle.sync();
    await handle.close();
    return performance.now() - begun;
  } finally {
    await rm(folder, { recursive: true });
  }
}
