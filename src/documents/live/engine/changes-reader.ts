import { ChangesWriter } from '../../../protocol/changes-codec.js';
import { LIVE_LIMITS } from '../../../protocol/documents.js';
import type { DocumentKind } from '../../kinds.js';
import type { Connection, Statement } from './binder.js';
import type { ChangesChunk } from './live-database.js';
import { SENTINEL } from './validate-changes.js';

/** From so many rows the bytes of all are estimated. */
const SAMPLE_ROWS = 256;

/** Reads what changed in a copy between two versions. The work is in proportion to what is read, not to the copy. */
export class ChangesReader {
  /** For each table, how many rows each version has in (?, ?], ascending by the index. */
  private readonly versionCounts: Statement[];
  private readonly rowCounts: Statement[];
  private readonly changes: Statement;
  private readonly isAbove: Statement;

  constructor(connection: Connection, kind: DocumentKind) {
    const inRange = 'WHERE db_version > ? AND db_version <= ?';
    const ofTables = (sql: (clock: string) => string) =>
      kind.tables.map(({ name }) => connection.statement(sql(`"${name}__crsql_clock" ${inRange}`)));
    this.versionCounts = ofTables((clock) => `SELECT db_version, count(*) FROM ${clock} GROUP BY db_version`);
    this.rowCounts = ofTables((clock) => `SELECT count(*) FROM ${clock}`);
    const above = kind.tables.map(
      ({ name }) => `EXISTS (SELECT 1 FROM "${name}__crsql_clock" WHERE db_version > ?1)`,
    );
    this.isAbove = connection.statement(`SELECT ${above.join(' OR ')}`);
    // CR-SQLite sorts by version and `seq`. With LIMIT or without the range it would sort the whole copy.
    this.changes = connection.statement(
      `SELECT db_version, "table", pk, cid, val, col_version, cl, site_id FROM crsql_changes ${inRange}`,
    );
  }

  /**
   * Whether there are changes above a version. `crsql_db_version()` also counts versions that turned out to change nothing,
   * until the file is opened again.
   */
  hasChanges(after: number): boolean {
    return this.isAbove.first(BigInt(after))![0] === 1n;
  }

  /** See `LiveDatabase.count`. */
  count(after: number, upTo: number): { rows: number; bytes: number } {
    const range = [BigInt(after), BigInt(upTo)] as const;
    const rows = this.rowCounts.reduce((sum, statement) => sum + Number(statement.first(...range)![0]), 0);
    if (rows === 0) return { rows, bytes: 0 };
    const sample = this.readRange(after, this.endOf(after, upTo, SAMPLE_ROWS));
    return { rows, bytes: Math.ceil((sample.body.length / Math.max(1, sample.rows)) * rows) };
  }

  /** One chunk of `LiveDatabase.read`: it ends at `upTo`, or where more versions would make it too large. */
  read(after: number, upTo: number): ChangesChunk {
    return this.readRange(after, this.endOf(after, upTo, LIVE_LIMITS.maxBatchRows));
  }

  /** The last version that a chunk of so many rows takes; at least one version with rows, if there is one. */
  private endOf(after: number, upTo: number, maxRows: number): number {
    const counts = new Map<number, number>();
    /** Up to here all tables are counted. */
    let horizon = upTo;
    for (const statement of this.versionCounts) {
      let sum = 0;
      for (const [version, count] of statement.rows(BigInt(after), BigInt(horizon))) {
        const at = Number(version);
        counts.set(at, (counts.get(at) ?? 0) + Number(count));
        sum += Number(count);
        if (sum <= maxRows) continue;
        horizon = at;
        break;
      }
    }
    let rows = 0;
    let end: number | null = null;
    for (const version of [...counts.keys()]
      .filter((one) => one <= horizon)
      .sort((one, other) => one - other)) {
      rows += counts.get(version)!;
      if (end !== null && rows > maxRows) return end;
      end = version;
    }
    return horizon;
  }

  private readRange(from: number, upTo: number): ChangesChunk {
    const writer = new ChangesWriter();
    let to = upTo;
    let current: number | null = null;
    let start = writer.mark();
    let isFirst = true;
    for (const row of this.changes.rows(BigInt(from), BigInt(upTo))) {
      const [version, table, key, column, value, colVersion, cl, site] = row;
      if (Number(version) !== current) {
        isFirst = current === null;
        current = Number(version);
        start = writer.mark();
      }
      const index = writer.tableIndex(table as string);
      writer.add({
        table: index,
        site: writer.siteIndex(site as Uint8Array),
        key: key as Uint8Array,
        column: column === SENTINEL ? 0 : writer.columnIndex(index, column as string),
        cl: Number(cl),
        colVersion: Number(colVersion),
        value: value ?? null,
      });
      if (isFirst || writer.sizeBytes <= LIVE_LIMITS.maxBatchBytes) continue;
      writer.cutTo(start);
      to = current - 1;
      break;
    }
    return { from, to, rows: writer.rows, body: writer.finish() };
  }
}
