import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { hashPairingCode } from '../../src/auth/pairing-code.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import type { SqlValue } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import type { Storage } from '../support/storage.js';
import { MINUTE_MS } from './world.js';

const ACCOUNT = 'account-of-before';
/** A pairing code, valid for a minute, for the account that `makeDatabaseOfBefore` makes. */
export const PAIRING_CODE = '23456789';
/** Epoch ms; each listed version was uploaded at this time plus its epoch. */
export const UPLOADED_AT = 1_799_000_000_000;

/** The row of a version before versions had a state. */
export interface StatelessVersion {
  epoch: number;
  content: Buffer;
  /** Null: it was never stored; empty: it was abandoned. */
  sha256: string | null;
  startedAt: number;
  isListed?: boolean;
}

const keyOf = (epoch: number) => `${ACCOUNT}/videos/v1/layout/${epoch}-1-AAAAAAAAAAAA.db.gz`;
export const sha256Of = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/**
 * Makes a database with the migrations from before versions had a state: one account with the document `v1`, whose
 * content is the first of the listed versions. Puts the objects of all versions into the store.
 * @param folder the store's folder
 */
export async function makeDatabaseOfBefore(
  storage: Storage,
  folder: string,
  versions: StatelessVersion[],
  now: number,
): Promise<void> {
  const migrations = serverTables.migrations.filter(
    ({ name }) => !/^(VersionStates|DocumentMarks|VersionMarks|LiveDocuments)/.test(name),
  );
  const config = loadConfig({ argv: [], env: storage.env });
  const database = await openDatabase(config, schema, { ...serverTables, migrations });
  const insert = (table: string, row: Record<string, SqlValue>) => {
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    const sql = `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${places.join()})`;
    return database.write(sql, Object.values(row));
  };
  try {
    await insert('accounts', {
      id: ACCOUNT,
      history_id: 'h1',
      clock: now,
      origin: now,
      horizon: 0,
      row_count: 0,
      created_at: now,
    });
    const code_hash = hashPairingCode(PAIRING_CODE);
    await insert('pairing_codes', { code_hash, account_id: ACCOUNT, expires_at: now + MINUTE_MS });
    const document = { account_id: ACCOUNT, video_id: 'v1', kind: 'layout' };
    for (const { epoch, content, sha256, startedAt, isListed = false } of versions) {
      await insert('document_versions', {
        ...document,
        object_key: keyOf(epoch),
        epoch,
        version: 1,
        size_bytes: sha256 ? content.length : null,
        sha256,
        started_at: startedAt,
        uploaded_at: isListed ? UPLOADED_AT + epoch : null,
      });
      mkdirSync(dirname(join(folder, keyOf(epoch))), { recursive: true });
      writeFileSync(join(folder, keyOf(epoch)), content);
    }
    const newest = versions.find(({ isListed }) => isListed)!;
    await insert('documents', {
      ...document,
      epoch: newest.epoch,
      version: 1,
      size_bytes: gunzipSync(newest.content).length,
      updated_at: UPLOADED_AT,
      upload_failures: 0,
      stored_epoch: newest.epoch,
      stored_version: 1,
      stored_key: keyOf(newest.epoch),
      stored_sha256: newest.sha256,
      stored_size_bytes: newest.content.length,
      uploaded_at: UPLOADED_AT,
      owner_token: 1,
    });
  } finally {
    await database.close();
  }
}
