import { ByteReader, ByteWriter, TooManyRows, type ChangeValue } from './changes-bytes.js';

// The body of a batch of changes between replicas of a document. Numbers are LEB128 (u: unsigned) or zigzag LEB128 (s: 64
// bits), always in their shortest form; texts are UTF-8.
//
//   body  = 01, u sites, sites × 16 bytes, u tables, tables × (text name, u columns, columns × text), u rows, rows × row
//   row   = u table, u site, key, u column (0: the sentinel '-1', n: the table's n-th listed column), u cl, u col_version, value
//   key   = u length + CR-SQLite's packed key; length 0: table and key of the row before
//   value = 00 null | 01 s | 02 8 bytes IEEE, big-endian | 03 text | 04 blob        text, blob = u length + bytes
//
// Nothing follows, names occur once, and a key that is the row before's is written as length 0: so each list of changes has
// one encoding.

/** One row of `crsql_changes`; `db_version` and `seq` do not travel. */
export interface Change {
  /** Index in `Changes.tables`. */
  table: number;
  /** Index in `Changes.sites`: the replica that made the change. */
  site: number;
  /** CR-SQLite's packed primary key. */
  key: Uint8Array;
  /** 0: the sentinel '-1', the row's own birth or death; n: the n-th of the table's `columns`. */
  column: number;
  /** Causal length: odd while the row lives, even while it is deleted. */
  cl: number;
  colVersion: number;
  value: ChangeValue;
}

/** A table of a body, with the columns that its changes name. */
export interface ChangedTable {
  name: string;
  columns: string[];
}

/** What a body holds. */
export interface Changes {
  /** Ids of 16 bytes. */
  sites: Uint8Array[];
  tables: ChangedTable[];
  rows: Change[];
}

const FORMAT = 1;
const SITE_BYTES = 16;

/**
 * Decodes a body. Keys and blobs are views of it, not copies.
 * @param maxRows bodies that announce more are refused before their rows are read
 * @throws ChangesFormatError, TooManyRows
 */
export function decodeChanges(body: Uint8Array, maxRows = Infinity): Changes {
  const reader = new ByteReader(body);
  if (reader.byte() !== FORMAT) throw reader.fault('The format is not known');
  const sites = list(reader, () => reader.bytes(SITE_BYTES));
  requireUnique(reader, sites.map(String));
  const tables = list(reader, () => {
    const table = { name: reader.text(), columns: list(reader, () => reader.text()) };
    requireUnique(reader, table.columns);
    return table;
  });
  requireUnique(
    reader,
    tables.map(({ name }) => name),
  );
  const rows = readRows(reader, sites.length, tables, maxRows);
  if (reader.left > 0) throw reader.fault('Something follows');
  return { sites, tables, rows };
}

/** Encodes what `decodeChanges` returns. */
export function encodeChanges({ sites, tables, rows }: Changes): Uint8Array {
  const writer = new ChangesWriter(sites, tables);
  for (const row of rows) writer.add(row);
  return writer.finish();
}

/** A place in a body that is being written. */
export interface BodyMark {
  bytes: number;
  rows: number;
  previous: Change | null;
}

/** Encodes a body row by row, so that it can be ended at a size. */
export class ChangesWriter {
  private readonly out = new ByteWriter();
  private readonly sites: Uint8Array[] = [];
  private readonly siteIndexes = new Map<string, number>();
  private readonly tables: { name: string; indexes: Map<string, number> }[] = [];
  private readonly tableIndexes = new Map<string, number>();
  private headBytes = 0;
  private previous: Change | null = null;
  private count = 0;

  /** @param sites @param tables are listed first, in this order, whether rows name them or not */
  constructor(sites: Uint8Array[] = [], tables: ChangedTable[] = []) {
    for (const site of sites) this.siteIndex(site);
    for (const { name, columns } of tables) {
      const table = this.tableIndex(name);
      for (const column of columns) this.columnIndex(table, column);
    }
  }

  /** How many rows there are. */
  get rows(): number {
    return this.count;
  }

  /** About the size of the body; never below it. */
  get sizeBytes(): number {
    return this.out.length + this.headBytes + 32;
  }

  /** The index of a site, which is listed if it was not. @param site 16 bytes */
  siteIndex(site: Uint8Array): number {
    const known = this.siteIndexes.get(String(site));
    if (known !== undefined) return known;
    if (site.length !== SITE_BYTES) throw new RangeError('A site id has 16 bytes.');
    this.siteIndexes.set(String(site), this.sites.length);
    this.headBytes += SITE_BYTES;
    return this.sites.push(site) - 1;
  }

  /** The index of a table, which is listed if it was not. */
  tableIndex(name: string): number {
    const known = this.tableIndexes.get(name);
    if (known !== undefined) return known;
    this.tableIndexes.set(name, this.tables.length);
    this.headBytes += name.length * 3 + 10;
    return this.tables.push({ name, indexes: new Map() }) - 1;
  }

  /** The index of a table's column, from 1, which is listed if it was not. */
  columnIndex(table: number, name: string): number {
    const { indexes } = this.tables[table]!;
    const known = indexes.get(name);
    if (known !== undefined) return known;
    indexes.set(name, indexes.size + 1);
    this.headBytes += name.length * 3 + 5;
    return indexes.size;
  }

  /** Adds a row. */
  add(row: Change): void {
    const { out, previous } = this;
    out.unsigned(row.table);
    out.unsigned(row.site);
    const isSameKey = previous?.table === row.table && isEqual(previous.key, row.key);
    if (isSameKey) out.unsigned(0);
    else out.sized(row.key);
    out.unsigned(row.column);
    out.unsigned(row.cl);
    out.unsigned(row.colVersion);
    out.value(row.value);
    this.previous = row;
    this.count += 1;
  }

  /** Where the body now ends, for `cutTo`. */
  mark(): BodyMark {
    return { bytes: this.out.length, rows: this.count, previous: this.previous };
  }

  /** Takes back the rows that were added since; the names that they brought stay listed. */
  cutTo({ bytes, rows, previous }: BodyMark): void {
    this.out.length = bytes;
    this.count = rows;
    this.previous = previous;
  }

  /** The body. */
  finish(): Uint8Array {
    const head = new ByteWriter();
    head.byte(FORMAT);
    head.unsigned(this.sites.length);
    for (const site of this.sites) head.raw(site);
    head.unsigned(this.tables.length);
    for (const { name, indexes } of this.tables) {
      head.text(name);
      head.unsigned(indexes.size);
      for (const column of indexes.keys()) head.text(column);
    }
    head.unsigned(this.count);
    head.raw(this.out.written());
    return head.written().slice();
  }
}

function readRows(reader: ByteReader, sites: number, tables: ChangedTable[], maxRows: number): Change[] {
  const count = reader.unsigned();
  if (count > maxRows) throw new TooManyRows(`There are more than ${maxRows} rows`, null);
  const rows: Change[] = [];
  for (let at = 0; at < count; at += 1) {
    reader.row = at;
    const previous = rows[at - 1];
    const table = reader.unsigned();
    if (table >= tables.length) throw reader.fault('The table is not listed');
    const site = reader.unsigned();
    if (site >= sites) throw reader.fault('The site is not listed');
    const key = readKey(reader, previous?.table === table ? previous.key : null);
    const column = reader.unsigned();
    if (column > tables[table]!.columns.length) throw reader.fault('The column is not listed');
    const cl = reader.unsigned();
    const colVersion = reader.unsigned();
    rows.push({ table, site, key, column, cl, colVersion, value: reader.value() });
  }
  reader.row = null;
  return rows;
}

/** @param previous the key of the row before, if its table is the same */
function readKey(reader: ByteReader, previous: Uint8Array | null): Uint8Array {
  const length = reader.unsigned();
  if (length === 0) {
    if (previous === null) throw reader.fault('There is no key before of that table');
    return previous;
  }
  const key = reader.bytes(length);
  if (previous !== null && isEqual(previous, key))
    throw reader.fault('The key of the row before is repeated');
  return key;
}

/** Grows with what is read, never with the announced count. */
function list<Item>(reader: ByteReader, read: () => Item): Item[] {
  const count = reader.unsigned();
  const items: Item[] = [];
  for (let at = 0; at < count; at += 1) items.push(read());
  return items;
}

function requireUnique(reader: ByteReader, names: string[]): void {
  if (new Set(names).size < names.length) throw reader.fault('A name is listed twice');
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
