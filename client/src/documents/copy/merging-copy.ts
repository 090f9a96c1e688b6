import { decodeChanges, type Change } from '../../../../src/protocol/changes-codec.js';
import { LIVE_LIMITS } from '../../../../src/protocol/documents.js';
import {
  ACKNOWLEDGED,
  NOTED,
  RECEIVED,
  clockOf,
  closeConnection,
  mergingTables,
  note,
  track,
  type MarkedVersion,
  type Noted,
} from './bookkeeping.js';
import { hex, unhex } from '../../hex.js';
import { Connection, type SqlValue } from './connection.js';
import { CopyError } from './copy-error.js';
import { ownChanges, ownRows, type Batch, type OwnRow } from './own-changes.js';
import { toReplayed } from './replay.js';
import type { Vfs, Wasm } from './wasm.js';

/** What a copy knows of itself and of the server. */
export interface CopyState {
  /** Its own site id, 32 hex digits. */
  siteId: string;
  /** The server's site id in this document. */
  serverSiteId: string;
  /** `user_version`. */
  schemaVersion: number;
  epoch: number;
  /** The cursor: what it has of the server's content. */
  since: MarkedVersion;
  /** The newest version that acknowledged a batch of its own; null: none. */
  answered: MarkedVersion | null;
  /** How many of its own cells the server has not acknowledged. */
  pending: number;
}

/** What a committed transaction did. */
export interface Committed {
  /** The tables whose rows changed. */
  tables: string[];
  pending: number;
}

/** Changes of the server, with their place in its order. */
export interface RemoteChanges {
  to: number;
  mark: string | null;
  body: Uint8Array;
}

/** What `acknowledge` notes. */
export interface Acknowledgement {
  /** The local version up to which everything is acknowledged now; null: the batch ends within a version. */
  upTo: number | null;
  previous: number;
  version: number;
  mark: string | null;
}

const PRAGMAS = [
  'locking_mode = EXCLUSIVE',
  'synchronous = FULL',
  'cache_size = -16000',
  'temp_store = memory',
  'trusted_schema = off',
  'query_only = on',
];
const INSERT_CHANGE = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A replica of a document in this browser. Calls must not overlap. */
export class MergingCopy {
  private constructor(
    private readonly db: Connection,
    private readonly siteId: string,
    private readonly schemaVersion: number,
    private readonly tables: readonly string[],
    private noted: Noted,
    private since: number,
    private acknowledged: number,
  ) {}

  /** Opens a copy that was re-keyed. @throws CopyError NOT_REKEYED */
  static async open(wasm: Wasm, vfs: Vfs, path: string): Promise<MergingCopy> {
    const db = await Connection.open(wasm, vfs, path);
    try {
      for (const pragma of PRAGMAS) await db.all(`PRAGMA ${pragma}`);
      const text = await db.value('SELECT value FROM crsql_master WHERE key = ?', [NOTED]);
      if (typeof text !== 'string') throw new CopyError('NOT_REKEYED');
      const noted = JSON.parse(text) as Noted;
      const site = unhex(noted.serverSiteId);
      const at = async (event: number): Promise<number> =>
        Number(
          await db.value('SELECT version FROM crsql_tracked_peers WHERE site_id = ? AND event = ?', [
            site,
            event,
          ]),
        );
      return new MergingCopy(
        db,
        hex((await db.value('SELECT crsql_site_id()')) as Uint8Array),
        Number(await db.value('PRAGMA user_version')),
        await mergingTables(db),
        noted,
        await at(RECEIVED),
        await at(ACKNOWLEDGED),
      );
    } catch (error) {
      await closeConnection(db);
      throw error;
    }
  }

  async state(): Promise<CopyState> {
    const { siteId, schemaVersion, since } = this;
    const { epoch, serverSiteId, sinceMark, answered } = this.noted;
    return {
      siteId,
      serverSiteId,
      schemaVersion,
      epoch,
      since: { version: since, mark: sinceMark },
      answered,
      pending: await this.pending(),
    };
  }

  /** Runs one statement; outside a transaction only one that reads. @throws SqliteError */
  async all(sql: string, params: readonly SqlValue[]): Promise<Record<string, SqlValue>[]> {
    const wasOpen = !this.db.isAutocommit;
    const rows = await this.db.all(sql, params);
    if (wasOpen !== !this.db.isAutocommit) {
      if (!wasOpen) await this.rollback();
      throw new CopyError('TRANSACTION_BY_HAND');
    }
    return rows;
  }

  /** Begins a transaction, in which statements may write. */
  async begin(): Promise<void> {
    await this.db.all('PRAGMA query_only = off');
    await this.db.all('BEGIN IMMEDIATE');
  }

  /** Commits. @throws CopyError VALUE_TOO_LARGE, VALUE_NOT_FINITE; the transaction is then open still */
  async commit(): Promise<Committed> {
    const version = Number(await this.db.value('SELECT crsql_next_db_version()'));
    const tables = await this.checkOwn(version);
    await this.db.all('COMMIT');
    await this.db.all('PRAGMA query_only = on');
    return { tables, pending: await this.pending() };
  }

  /** Ends an open transaction without effect; does nothing if there is none. */
  async rollback(): Promise<void> {
    if (!this.db.isAutocommit) await this.db.all('ROLLBACK');
    // A merge that failed leaves it set, and later writes would not be tracked.
    await this.db.value('SELECT crsql_internal_sync_bit(0)');
    await this.db.all('PRAGMA query_only = on');
  }

  /** Merges changes of the server and moves the cursor, in one transaction. @throws ChangesFormatError, SqliteError */
  async apply({ to, mark, body }: RemoteChanges): Promise<Committed> {
    const { sites, tables, rows } = decodeChanges(body);
    const params = (row: Change, seq: number): SqlValue[] => {
      const table = tables[row.table]!;
      const column = row.column === 0 ? '-1' : table.columns[row.column - 1]!;
      const { key, value, colVersion, cl } = row;
      // The engine gives it the next local version.
      return [
        table.name,
        key,
        column,
        value,
        BigInt(colVersion),
        1n,
        sites[row.site]!,
        BigInt(cl),
        BigInt(seq),
      ];
    };
    await this.inTransaction(async () => {
      await this.db.each(INSERT_CHANGE, rows.map(params), undefined, true);
      await this.noteReceived(to, mark);
    });
    const touched = new Set(rows.map((row) => tables[row.table]!.name));
    return { tables: [...touched], pending: await this.pending() };
  }

  /** The next changes of its own that are to be sent; empty: there are none. */
  ownBatches(): Promise<Batch[]> {
    return ownChanges(this.db, this.tables, this.acknowledged, this.siteId);
  }

  /** Everything of its own that is not acknowledged. */
  ownRows(): Promise<OwnRow[]> {
    return ownRows(this.db, this.acknowledged, Number.MAX_SAFE_INTEGER);
  }

  /**
   * Writes changes of another copy as its own, which are then pending.
   * @param isSameEpoch whether their clocks mean anything here; else they are written over what is here
   */
  async replay(rows: readonly OwnRow[], isSameEpoch: boolean): Promise<void> {
    const site = unhex(this.siteId);
    await this.inTransaction(async () => {
      for (const [seq, row] of rows.entries()) {
        const { table, key, column, value, colVersion, cl } = isSameEpoch
          ? row
          : await toReplayed(this.db, row);
        const clocks = [BigInt(colVersion), 1n, site, BigInt(cl), BigInt(seq)];
        await this.db.each(INSERT_CHANGE, [[table, key, column, value, ...clocks]], undefined, true);
      }
    });
  }

  /** Notes that the server has stored a batch of its own. */
  async acknowledge({ upTo, previous, version, mark }: Acknowledgement): Promise<CopyState> {
    await this.inTransaction(async () => {
      if (upTo !== null) await track(this.db, unhex(this.noted.serverSiteId), ACKNOWLEDGED, upTo);
      await note(this.db, { ...this.noted, answered: { version, mark } });
      this.noted = { ...this.noted, answered: { version, mark } };
      if (previous === this.since) await this.noteReceived(version, mark);
    });
    if (upTo !== null) this.acknowledged = upTo;
    return this.state();
  }

  async close(): Promise<void> {
    await closeConnection(this.db);
  }

  /** How many of its own cells are not acknowledged. */
  private async pending(): Promise<number> {
    const counts = this.tables.map(
      (table) => `(SELECT count(*) FROM ${clockOf(table)} WHERE db_version > ?1 AND site_id = 0)`,
    );
    return Number(await this.db.value(`SELECT ${counts.join(' + ')}`, [this.acknowledged]));
  }

  /** @returns the tables that the open transaction has changed @throws CopyError */
  private async checkOwn(version: number): Promise<string[]> {
    const tables: string[] = [];
    const faults = `max(octet_length(pk) + ifnull(octet_length(val), 0)) > ${LIVE_LIMITS.maxCellBytes} AS large,
      max(val IN (9e999, -9e999)) AS endless`;
    const sql = `SELECT "table", ${faults} FROM crsql_changes WHERE db_version >= ? AND db_version <= ? GROUP BY 1`;
    for (const { table, large, endless } of await this.db.all(sql, [version, version])) {
      if (large === 1) throw new CopyError('VALUE_TOO_LARGE', `in ${String(table)}`);
      if (endless === 1) throw new CopyError('VALUE_NOT_FINITE', `in ${String(table)}`);
      tables.push(String(table));
    }
    return tables;
  }

  private async noteReceived(version: number, mark: string | null): Promise<void> {
    await track(this.db, unhex(this.noted.serverSiteId), RECEIVED, version);
    await note(this.db, { ...this.noted, sinceMark: mark });
    this.noted = { ...this.noted, sinceMark: mark };
    this.since = version;
  }

  private async inTransaction(work: () => Promise<void>): Promise<void> {
    const before = { noted: this.noted, since: this.since };
    await this.begin();
    try {
      await work();
      await this.db.all('COMMIT');
      await this.db.all('PRAGMA query_only = on');
    } catch (error) {
      Object.assign(this, before);
      await this.rollback();
      throw error;
    }
  }
}
