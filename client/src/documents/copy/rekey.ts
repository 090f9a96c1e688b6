import {
  ACKNOWLEDGED,
  RECEIVED,
  clockOf,
  closeConnection,
  mergingTables,
  note,
  track,
  type MarkedVersion,
  type Noted,
} from './bookkeeping.js';
import { hex } from '../../hex.js';
import { Connection } from './connection.js';
import { CopyError } from './copy-error.js';
import type { Vfs, Wasm } from './wasm.js';

/**
 * Gives a downloaded file an identity of its own, in one transaction: the server's site id, which it came with, keeps its
 * clocks under another ordinal.
 * @param from what the download is
 * @throws CopyError NOT_MERGING the file has no tables of CR-SQLite
 */
export async function rekey(
  wasm: Wasm,
  vfs: Vfs,
  path: string,
  from: MarkedVersion & { epoch: number },
): Promise<void> {
  const db = await Connection.open(wasm, vfs, path);
  try {
    const tables = await mergingTables(db);
    const serverSite = await db.value('SELECT site_id FROM crsql_site_id WHERE ordinal = 0');
    if (tables.length === 0 || !(serverSite instanceof Uint8Array)) throw new CopyError('NOT_MERGING');
    const version = await db.value('SELECT crsql_db_version()');
    await db.all('BEGIN IMMEDIATE');
    const ordinal = await db.value('SELECT max(ordinal) + 1 FROM crsql_site_id');
    await db.all('UPDATE crsql_site_id SET ordinal = ? WHERE ordinal = 0', [ordinal!]);
    for (const table of tables) {
      await db.all(`UPDATE ${clockOf(table)} SET site_id = ? WHERE site_id = 0`, [ordinal!]);
    }
    const own = crypto.getRandomValues(new Uint8Array(16));
    await db.all('INSERT INTO crsql_site_id (site_id, ordinal) VALUES (?, 0)', [own]);
    const noted: Noted = {
      epoch: from.epoch,
      serverSiteId: hex(serverSite),
      sinceMark: from.mark,
      answered: null,
    };
    await track(db, serverSite, RECEIVED, from.version);
    await track(db, serverSite, ACKNOWLEDGED, Number(version));
    await note(db, noted);
    await db.all('COMMIT');
  } finally {
    await closeConnection(db);
  }
}
