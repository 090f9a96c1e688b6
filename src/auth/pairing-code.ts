import { createHash, randomInt } from 'node:crypto';

// Without 0/O, 1/I/L and U (resembles V), which people misread or mistype.
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 8;
const LENGTH_IN_ALERT = 12;

/** How long a pairing code works, in milliseconds. */
export const PAIRING_CODE_TTL_MS = 10 * 60_000;

/** Creates a pairing code without look-alikes, of 8 characters, or of 12 while somebody seems to be guessing codes. */
export function newPairingCode(isAlertRaised: boolean): string {
  const length = isAlertRaised ? LENGTH_IN_ALERT : LENGTH;
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** Hashes a code for storage; ignores case, spaces and dashes. */
export function hashPairingCode(code: string): string {
  return createHash('sha256').update(code.toUpperCase().replace(/[\s-]/g, '')).digest('base64url');
}
