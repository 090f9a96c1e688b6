import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { Database } from '../foundation/database/database.js';
import {
  DocumentsRepository,
  type StoredDocument,
  type UploadedVersion,
} from '../documents/documents.repository.js';
import { inflateTo, UNLIMITED } from '../documents/import/inflate.js';
import { readChecked } from '../documents/content/content-base.js';
import { mergingVersion } from '../documents/import/merging-version.js';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import type { DocumentRef } from '../locks/lock.js';
import type { ObjectStorage } from '../storage/storage.js';
import { objectKey } from '../uploads/object-key.js';
import { UploadsRepository } from '../uploads/uploads.repository.js';
import { newMark, type Version } from '../documents/version.js';

/** The version to restore. */
export interface RestoreRequest {
  ref: DocumentRef;
  epoch: number;
  version: number;
  /** Check everything and change nothing. */
  isDryRun: boolean;
}

/**
 * Makes an uploaded version the document's content again, in a new epoch so that every client downloads it.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restoreVersion(
  parts: { database: Database; storage: ObjectStorage },
  { ref, epoch: wantedEpoch, version: wantedVersion, isDryRun }: RestoreRequest,
): Promise<string> {
  const { database, storage } = parts;
  const documents = new DocumentsRepository(database);
  const name = `${ref.videoId}/${ref.kind}`;
  const document = await documents.find(ref);
  if (!document) throw new AppStartError(`There is no document ${name} in the account ${ref.accountId}.`);
  const versions = await documents.listVersions(ref);
  const wanted = versions.find((one) => one.epoch === wantedEpoch && one.version === wantedVersion);
  if (!wanted) {
    const known = versions.map((one) => `${one.epoch}-${one.version}`).join(', ') || 'none';
    throw new AppStartError(
      `${name} has no uploaded version ${wantedEpoch}-${wantedVersion}; there are: ${known}.`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-restore-'));
  try {
    const file = join(folder, 'content.db');
    const merging = await fetchChecked(storage, wanted, file);
    // The next epoch is skipped: a write that was never committed may have left a working copy of it.
    const epoch = Math.max(document.epoch, wanted.epoch) + 2;
    const next = { epoch, version: merging ?? 1, mark: newMark() };
    const about = `${name}: ${wanted.epoch}-${wanted.version} of ${new Date(wanted.uploadedAt).toISOString()}, ${wanted.sizeBytes} bytes packed`;
    if (isDryRun)
      return `${about}, is whole and sound. It would become ${next.epoch}-${next.version}; nothing was changed.`;
    const content = { contentBytes: (await stat(file)).size, hasClocks: merging === null ? 0 : 1 } as const;
    await restoreObject(parts, ref, document, wanted, next, content);
    return `${about}, is the content again, as ${next.epoch}-${next.version}. Clients download it anew.`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Downloads an object and checks its hash and the integrity of its database.
 * @returns the version of a database that merges changes; null: it is a plain one
 * @throws AppStartError
 */
async function fetchChecked(
  storage: ObjectStorage,
  { key, sha256 }: UploadedVersion,
  file: string,
): Promise<number | null> {
  await inflateTo(await readChecked(storage, key, sha256), file, UNLIMITED);
  const database = new BetterSqlite(file, { readonly: true });
  try {
    if (database.pragma('integrity_check(1)', { simple: true }) === 'ok') return mergingVersion(database);
    throw new AppStartError('The object in storage holds a damaged database.');
  } finally {
    database.close();
  }
}

/** Copies the object to a new key and makes the copy the content. Each version needs its own key, as it is swept alone. */
async function restoreObject(
  { database, storage }: { database: Database; storage: ObjectStorage },
  ref: DocumentRef,
  document: StoredDocument,
  wanted: UploadedVersion,
  next: Version,
  content: { contentBytes: number; hasClocks: 0 | 1 },
): Promise<void> {
  const uploads = new UploadsRepository(database);
  const upload = { ref, ...next, key: objectKey(ref, next) };
  await database.transaction((tx) => uploads.begin(tx, upload, Date.now()));
  const written = await storage.write(upload.key, await storage.read(wanted.key));
  if (written.sha256 !== wanted.sha256) throw new AppStartError('The object changed while it was copied.');
  await database.transaction(async (tx) => {
    const restored = { ...upload, ...written, uploadedAt: Date.now() };
    if (!(await uploads.restore(tx, document, restored, content))) {
      throw new AppStartError('The document was changed meanwhile; look at it and try again.');
    }
    await new DocumentsRepository(database).beginMarks(tx, ref, next);
    await new JournalRepository(database).drop(tx, ref, { epoch: next.epoch, version: 0 });
  });
}
