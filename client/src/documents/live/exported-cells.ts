import type { OwnRow } from '../copy/own-changes.js';
import type { SqlValue } from '../copy/connection.js';

/** A cell that was pending, for people to keep. */
export interface ExportedCell {
  table: string;
  /** The row's primary key. */
  key: SqlValue[];
  /** Null: the row itself was made or deleted. */
  column: string | null;
  value: SqlValue;
  /** Whether the row was deleted. */
  isDeleted: boolean;
}

/** The types of CR-SQLite's packed keys. */
const [INTEGER, FLOAT, TEXT, BLOB] = [1, 2, 3, 4];

/** Own changes as cells. */
export function toCells(rows: readonly OwnRow[]): ExportedCell[] {
  return rows.map(({ table, key, column, value, cl }) => ({
    table,
    key: unpackKey(key),
    column: column === '-1' ? null : column,
    value: typeof value === 'bigint' ? toInteger(value) : value,
    isDeleted: cl % 2 === 0,
  }));
}

/** The values of a packed key: their number, then for each a byte (length of the length, type), the length and the bytes. */
export function unpackKey(key: Uint8Array): SqlValue[] {
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const values: SqlValue[] = [];
  let at = 1;
  const integer = (bytes: number): bigint => {
    let value = 0n;
    for (let i = 0; i < bytes; i += 1) value = (value << 8n) | BigInt(view.getUint8(at + i));
    at += bytes;
    return value;
  };
  for (let left = view.getUint8(0); left > 0; left -= 1) {
    const head = view.getUint8(at);
    at += 1;
    const [type, size] = [head & 7, head >> 3];
    if (type === INTEGER) {
      values.push(toInteger(integer(size)));
    } else if (type === FLOAT) {
      values.push(view.getFloat64(at));
      at += 8;
    } else if (type === TEXT || type === BLOB) {
      const length = Number(integer(size));
      const bytes = key.slice(at, at + length);
      at += length;
      values.push(type === TEXT ? new TextDecoder().decode(bytes) : bytes);
    } else {
      values.push(null);
    }
  }
  return values;
}

/** Integers are packed in as few bytes as their 64 bits need. */
function toInteger(value: bigint): SqlValue {
  const wide = BigInt.asIntN(64, value);
  const number = Number(wide);
  return Number.isSafeInteger(number) ? number : wide;
}
