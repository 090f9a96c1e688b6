import { createHash, randomInt } from 'node:crypto';

// No 0/O, 1/I/L, no U (V): what people misread or mistype.
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 8;

/** How long a pairing code works, in milliseconds. */
export const PAIRING_CODE_TTL_MS = 10 * 60_000;

/** A fresh pairing code, 8 characters without look-alikes. */
export function newPairingCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** What is stored of a code; typed in lower case, or with spaces and dashes, it is the same code. */
export function hashPairingCode(code: string): string {
  return createHash('sha256').update(code.toUpperCase().replace(/[\s-]/g, '')).digest('base64url');
}
