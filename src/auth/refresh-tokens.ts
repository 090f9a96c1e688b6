import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RefreshState } from './devices.repository.js';

/**
 * Refresh tokens rotate: using one brings forth the next generation. As an answer can get lost, the previous token
 * still works until one of its successors was used; an older one is taken for stolen. A token is
 * `account.device.generation.family.secret`, the last two random (128 and 256 bits) and stored hashed: the family
 * tells a device's own old token from a made-up one.
 */
export interface RefreshToken {
  accountId: string;
  deviceId: string;
  generation: number;
  family: string;
  secret: string;
}

// Each lost answer leaves a token that may yet arrive; more than this many at once is no accident.
const MAX_SIBLINGS = 8;

/**
 * Stored instead of a generation after a restore: the device may have rotated its tokens since the backup was made, so
 * the first one of its family that comes is taken, whatever its generation.
 */
export const RESTORED_GENERATION = 0;

/** Reads a token's parts; null when it is none. */
export function parseRefreshToken(text: string): RefreshToken | null {
  const match = /^([\w-]{1,64})\.([\w-]{1,64})\.(\d{1,9})\.([\w-]{22})\.([\w-]{43})$/.exec(text);
  if (!match) return null;
  const [, accountId, deviceId, generation, family, secret] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return { accountId, deviceId, generation: Number(generation), family, secret };
}

/** The first token of a new device, and what to store of it. */
export function firstRefreshToken(
  accountId: string,
  deviceId: string,
): { token: string; state: RefreshState } {
  const token = { accountId, deviceId, generation: 1, family: random(16), secret: random(32) };
  return {
    token: format(token),
    state: { family: hash(token.family), generation: 1, current: [hash(token.secret)], previous: null },
  };
}

/**
 * Judges a token against what is stored of its device.
 * @returns the next token and what to store, or why there is none: `unknown` (made up), `reused` (an old one again)
 */
export function rotate(
  used: RefreshToken,
  state: RefreshState,
): { token: string; state: RefreshState } | 'unknown' | 'reused' {
  if (!equal(hash(used.family), state.family)) return 'unknown';
  const usedHash = hash(used.secret);
  const secret = random(32);
  if (state.generation === RESTORED_GENERATION) {
    const generation = used.generation + 1;
    return {
      token: format({ ...used, generation, secret }),
      state: { ...state, generation, current: [hash(secret)], previous: usedHash },
    };
  }
  if (used.generation > state.generation) return 'unknown';
  if (used.generation === state.generation && state.current.some((one) => equal(one, usedHash))) {
    const generation = state.generation + 1;
    return {
      token: format({ ...used, generation, secret }),
      state: { ...state, generation, current: [hash(secret)], previous: usedHash },
    };
  }
  if (
    used.generation === state.generation - 1 &&
    state.previous !== null &&
    equal(state.previous, usedHash)
  ) {
    return {
      token: format({ ...used, generation: state.generation, secret }),
      state: { ...state, current: [...state.current, hash(secret)].slice(-MAX_SIBLINGS) },
    };
  }
  return used.generation === state.generation ? 'unknown' : 'reused';
}

function format(token: RefreshToken): string {
  return [token.accountId, token.deviceId, token.generation, token.family, token.secret].join('.');
}

function random(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function equal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
