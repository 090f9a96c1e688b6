import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { hashPairingCode } from '../../src/auth/pairing-code.js';
import { workingCopyPath } from '../../src/documents/content/copy-files.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import type { SqlValue } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { download, hold, lock, packedLayout, pathOf, putContent } from '../support/documents.js';
import { expectProblem } from '../support/exchange.js';
import type { Storage } from '../support/storage.js';
import { storeForEach } from '../support/store-for-each.js';
import { storeIn } from '../uploads/world.js';

const ACCOUNT = 'account-of-before';
const PAIRING_CODE = '23456789';
const OBJECT_KEY = `${ACCOUNT}/videos/uploaded/layout/2-1-AAAAAAAAAAAA.db.gz`;

/**
 * Makes a database with the migrations from before there were marks, in an account with the documents `uploaded`, at 2-1,
 * and `pending`, at 1-1, whose content is not in the store yet.
 * @param objects the store's folder
 */
async function makeDatabaseWithoutMarks(storage: Storage, objects: string): Promise<void> {
  const migrations = serverTables.migrations.filter(({ name }) => !/Marks|LiveDocuments/.test(name));
  const database = await openDatabase(loadConfig({ argv: [], env: storage.env }), schema, {
    ...serverTables,
    migrations,
  });
  const insert = (table: string, row: Record<string, SqlValue>) => {
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    const sql = `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${places.join()})`;
    return database.write(sql, Object.values(row));
  };
  const now = Date.now();
  try {
    const account = { history_id: 'h1', clock: now, origin: now, horizon: 0, row_count: 0, created_at: now };
    await insert('accounts', { id: ACCOUNT, ...account });
    const code_hash = hashPairingCode(PAIRING_CODE);
    await insert('pairing_codes', { code_hash, account_id: ACCOUNT, expires_at: now + 60_000 });

    const [uploaded, pending] = [packedLayout(['uploaded']), packedLayout(['pending'])];
    const ref = { account_id: ACCOUNT, video_id: 'uploaded', kind: 'layout' };
    const object = { epoch: 2, version: 1, uploaded_at: now, size_bytes: uploaded.length };
    const sha256 = createHash('sha256').update(uploaded).digest('hex');
    await insert('document_versions', {
      ...ref,
      ...object,
      object_key: OBJECT_KEY,
      state: 'stored',
      renewed_at: now,
      sha256,
    });
    mkdirSync(dirname(join(objects, OBJECT_KEY)), { recursive: true });
    writeFileSync(join(objects, OBJECT_KEY), uploaded);
    const common = { version: 1, updated_at: now, upload_failures: 0, owner_token: 1 };
    await insert('documents', {
      ...ref,
      ...common,
      epoch: 2,
      size_bytes: gunzipSync(uploaded).length,
      stored_epoch: 2,
      stored_version: 1,
      stored_key: OBJECT_KEY,
      stored_sha256: sha256,
      stored_size_bytes: uploaded.length,
      uploaded_at: now,
    });

    const content = gunzipSync(pending);
    await insert('documents', {
      ...ref,
      ...common,
      video_id: 'pending',
      epoch: 1,
      size_bytes: content.length,
      pending_since: now,
      upload_due_at: now + 300_000,
    });
    if (database.dialect === 'postgres') {
      await insert('document_journal', {
        ...ref,
        video_id: 'pending',
        epoch: 1,
        version: 1,
        part: 0,
        body: pending,
      });
    } else {
      const root = join(storage.env.DATA_DIR!, 'documents', '0');
      const document = { accountId: ACCOUNT, videoId: 'pending', kind: 'layout' };
      const path = workingCopyPath(root, document, { epoch: 1, mark: null });
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  } finally {
    await database.close();
  }
}

forEachDatabase((database) => {
  const store = storeForEach(database);

  test('documents from before there were marks are read, uploaded and written as before, and then have marks', async () => {
    const { storage, objects } = store();
    await makeDatabaseWithoutMarks(storage, objects);
    await using app = await startApp(database, { storage, env: storeIn(objects) });
    const laptop = await TestDevice.register(app.url, { pairing_code: PAIRING_CODE });

    for (const [videoId, epoch] of [['uploaded', 2] as const, ['pending', 1] as const]) {
      const state = await laptop.request('GET', `${pathOf(videoId)}/state`);
      expect(state.body).toMatchObject({ epoch, server_version: 1, mark: null });
      expect(state.headers.get('etag')).toBe(`"${epoch}-1"`);
      // The first lock imports the content anew, as one that can merge changes.
      const known = await lock(laptop, videoId, { epoch, server_version: 1 });
      const { mark } = known.body as { mark: string };
      expect(known.body).toMatchObject({ epoch: epoch + 1, server_version: 1, needs_download: true });
      expect(mark).toMatch(/^[0-9a-f]{16}$/);
      const url = await laptop.request('GET', `${pathOf(videoId)}/download-url`);
      expect(url.body).toMatchObject({ epoch: epoch + 1, version: 1, mark });
      expect(await download(laptop, videoId)).toEqual([videoId]);
      const { versions } = (await laptop.request('GET', `${pathOf(videoId)}/versions`)).body;
      expect(versions[0]).toMatchObject({ epoch: epoch + 1, server_version: 1, mark });
      const old = videoId === 'uploaded' ? [{ epoch, server_version: 1, mark: null }] : [];
      expect(versions.slice(1)).toMatchObject(old);

      const holding = await hold(laptop, videoId);
      expectProblem(await putContent(holding, `${epoch}-1`, packedLayout()), 412, 'VERSION_MISMATCH');
      const marked = await putContent(holding, `${epoch + 1}-1-${'0'.repeat(16)}`, packedLayout());
      expectProblem(marked, 412, 'VERSION_MISMATCH');
      const written = await putContent(holding, `${epoch + 1}-1`, packedLayout(['next']));
      expect(written.body).toMatchObject({ epoch: epoch + 2, mark: expect.stringMatching(/^[0-9a-f]{16}$/) });
      expect(await download(laptop, videoId)).toEqual(['next']);
    }
    if (database === 'postgres') return;
    const copies = readdirSync(join(storage.env.DATA_DIR!, 'documents'), {
      recursive: true,
      encoding: 'utf8',
    });
    expect(copies.filter((path) => path.endsWith('/1.db'))).toEqual([]);
  });
});
