import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { InvalidDatabase } from './invalid-database.js';

// SQLite reads a file's schema before any check can run. It would read a schema whose pages form a circle for ever, and one
// with millions of tables would fill the memory. So this code checks the schema's pages before SQLite opens the file.
// With the schema SQLite reads all rows of the statistics tables, evaluates their generated columns and allocates memory for
// each sample. So this code renames these tables. The format: https://www.sqlite.org/fileformat2.html

/** More than enough: a kind has a few tables, and CR-SQLite adds some for each. */
const MAX_PAGES = 1_000;
const MAX_OBJECTS = 1_000;
const MAX_SCHEMA_BYTES = 262_144;

const MAGIC = 'SQLite format 3\0';
const FILE_HEADER_BYTES = 100;
const MIN_USABLE_BYTES = 480;
const UTF_8 = 1;
const LEAF = 13;
const INTERIOR = 5;
const TOO_LARGE = 'The schema of the database is far too large.';
const STATISTICS = /^sqlite_stat/i;
/** As long as the name that it replaces, and taken by `checkSchema` for one of CR-SQLite's. */
const HIDDEN = 'crsql__stat';

interface Cell {
  page: number;
  /** Position of the payload in the page. */
  start: number;
  payloadBytes: number;
  /** The part of the payload that is in the page; the rest is on overflow pages. */
  payload: Buffer;
}

/**
 * Makes sure that SQLite can read a file's schema in bounded time and memory.
 * @param file the file; changed if it has statistics tables, which are renamed
 * @throws InvalidDatabase
 */
export function checkRawSchema(file: string): void {
  // Cells may overlap, so renaming one table may have produced another; a second pass must find none.
  if (hideStatistics(file) && hideStatistics(file)) throw damaged();
}

/** Renames the statistics tables. @returns whether there were any */
function hideStatistics(file: string): boolean {
  const pages = Pages.open(file);
  try {
    let isFound = false;
    let objects = 0;
    let bytes = 0;
    walk(pages, ({ page, start, payloadBytes, payload }) => {
      objects += 1;
      bytes += payloadBytes;
      if (objects > MAX_OBJECTS || bytes > MAX_SCHEMA_BYTES) throw new InvalidDatabase(TOO_LARGE);
      if (!STATISTICS.test(readName(payload))) return;
      isFound = true;
      // The name, the table's name and the SQL must agree, so replace all of them.
      const hidden = payload.toString('latin1').replace(/sqlite_stat/gi, HIDDEN);
      pages.write(page, start, Buffer.from(hidden, 'latin1'));
    });
    return isFound;
  } catch (error) {
    // Buffer throws a RangeError when a position in the file points outside of its page.
    throw error instanceof RangeError ? damaged() : error;
  } finally {
    pages.close();
  }
}

/** Visits every row of the schema, whose pages must be a tree. */
function walk(pages: Pages, visit: (cell: Cell) => void): void {
  const seen = new Set<number>();
  const left: number[] = [];
  // Count pages when they are queued, not when they are read: one page may point to tens of thousands.
  const add = (number: number) => {
    if (seen.has(number)) throw damaged();
    seen.add(number);
    if (seen.size > MAX_PAGES) throw new InvalidDatabase(TOO_LARGE);
    left.push(number);
  };
  add(1);
  for (let number = left.pop(); number !== undefined; number = left.pop()) {
    const page = pages.read(number);
    const start = number === 1 ? FILE_HEADER_BYTES : 0;
    const type = page.readUInt8(start);
    const count = page.readUInt16BE(start + 3);
    if (type !== LEAF && type !== INTERIOR) throw damaged();
    if (type === INTERIOR) add(page.readUInt32BE(start + 8));
    const pointers = start + (type === LEAF ? 8 : 12);
    for (let index = 0; index < count; index++) {
      const cell = page.readUInt16BE(pointers + 2 * index);
      if (type === INTERIOR) add(page.readUInt32BE(cell));
      else visit({ page: number, ...readCell(page, cell) });
    }
  }
}

function readCell(page: Buffer, at: number): Omit<Cell, 'page'> {
  const [payloadBytes, afterSize] = readVarint(page, at);
  const [, start] = readVarint(page, afterSize);
  const most = page.length - 35;
  const least = Math.floor(((page.length - 12) * 32) / 255) - 23;
  const preferred = least + ((payloadBytes - least) % (page.length - 4));
  const spilled = preferred <= most ? preferred : least;
  return {
    start,
    payloadBytes,
    payload: page.subarray(start, start + (payloadBytes <= most ? payloadBytes : spilled)),
  };
}

/** The name in a schema row, whose columns are type, name, table, root page and SQL. */
function readName(payload: Buffer): string {
  const [headerBytes, start] = readVarint(payload, 0);
  const types: number[] = [];
  for (let at = start; at < headerBytes;) {
    const [type, next] = readVarint(payload, at);
    types.push(type);
    at = next;
  }
  const [type, name, table, root] = types;
  if (type === undefined || name === undefined || table === undefined || root === undefined) throw damaged();
  const nameAt = headerBytes + sizeOf(type);
  // A root page is an integer of up to four bytes; the serial types 8 and 9 are the constants 0 and 1.
  if (root > 4 && root !== 8 && root !== 9) throw damaged();
  if (nameAt + sizeOf(name) + sizeOf(table) + sizeOf(root) > payload.length)
    throw new InvalidDatabase('The schema of the database has too long a name.');
  return payload.toString('latin1', nameAt, nameAt + sizeOf(name));
}

/** The size of a value of a serial type, in bytes. */
function sizeOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type]!;
}

/** @returns the number and the position after it */
function readVarint(bytes: Buffer, start: number): [value: number, next: number] {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = bytes.readUInt8(at);
    value = value * 128 + (byte & 127);
    if (byte < 128) return [value, at + 1];
  }
  return [value * 256 + bytes.readUInt8(start + 8), start + 9];
}

function damaged(): InvalidDatabase {
  return new InvalidDatabase('The schema of the database is damaged.');
}

/** Reads and writes single pages, without the reserved bytes at the end of each. */
class Pages {
  private constructor(
    private readonly handle: number,
    private readonly pageBytes: number,
    private readonly usableBytes: number,
    private readonly count: number,
  ) {}

  static open(file: string): Pages {
    const handle = openSync(file, 'r+');
    try {
      const header = Buffer.alloc(FILE_HEADER_BYTES);
      const length = readSync(handle, header, 0, FILE_HEADER_BYTES, 0);
      if (length < FILE_HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
        throw new InvalidDatabase('The body is no SQLite database.');
      }
      if (header.readUInt32BE(56) !== UTF_8) {
        throw new InvalidDatabase('The database must be in UTF-8, and is not.');
      }
      const stated = header.readUInt16BE(16);
      const pageBytes = stated === 1 ? 65_536 : stated;
      const usableBytes = pageBytes - header.readUInt8(20);
      const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0;
      if (pageBytes < 512 || !isPowerOfTwo || usableBytes < MIN_USABLE_BYTES) throw damaged();
      return new Pages(handle, pageBytes, usableBytes, Math.floor(fstatSync(handle).size / pageBytes));
    } catch (error) {
      closeSync(handle);
      throw error;
    }
  }

  read(number: number): Buffer {
    if (number < 1 || number > this.count) throw damaged();
    const page = Buffer.alloc(this.usableBytes);
    readSync(this.handle, page, 0, page.length, (number - 1) * this.pageBytes);
    return page;
  }

  write(number: number, at: number, bytes: Buffer): void {
    writeSync(this.handle, bytes, 0, bytes.length, (number - 1) * this.pageBytes + at);
  }

  close(): void {
    closeSync(this.handle);
  }
}
