/** A part of a primary key. */
export type KeyPart = bigint | string;

const INTEGER = 1;
const TEXT = 3;
const MAX_LENGTH = 2 ** 31 - 1;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Unpacks a key as CR-SQLite packs it: the number of parts, then for each a byte (its type in the lowest 3 bits, the
 * length of the number that follows in the others), the number (an integer, or a text's length; big-endian, without
 * leading zero bytes) and a text's bytes.
 * @returns null: another sequence of bytes than the one that CR-SQLite makes; it would name the row by a second name
 */
export function unpackKey(packed: Uint8Array): KeyPart[] | null {
  const parts: KeyPart[] = [];
  let at = 1;
  for (let left = packed[0] ?? 0; left > 0; left -= 1) {
    const head = packed[at++];
    if (head === undefined) return null;
    const digits = packed.subarray(at, at + (head >> 3));
    if (digits.length < head >> 3 || digits.length > 8 || digits[0] === 0) return null;
    at += digits.length;
    const number = digits.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if ((head & 7) === INTEGER) {
      parts.push(BigInt.asIntN(64, number));
    } else if ((head & 7) === TEXT && number <= MAX_LENGTH) {
      const text = decode(packed.subarray(at, at + Number(number)), Number(number));
      if (text === null) return null;
      parts.push(text);
      at += Number(number);
    } else {
      return null;
    }
  }
  return parts.length > 0 && at === packed.length ? parts : null;
}

function decode(bytes: Uint8Array, length: number): string | null {
  if (bytes.length < length) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
