import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RefreshState } from './devices.repository.js';

/**
 * Refresh tokens rotate: using one creates the next generation. Because an answer can be lost, the previous token
 * works until one of its successors is used; an older token counts as stolen. A token is
 * `account.device.generation.family.secret`; the last two are random (128 and 256 bits) and stored as hashes. The
 * family distinguishes a device's own old token from a forged one.
 */
interface RefreshToken {
  accountId: string;
  deviceId: string;
  generation: number;
  family: string;
  secret: string;
}

// Each lost answer leaves a token that the device may still use. Only this many are kept, the newest ones.
const MAX_SIBLINGS = 8;

/**
 * A restore stores this instead of the generation: the device may have rotated its tokens after the backup was made,
 * so the server accepts the first token of the family, whatever its generation.
 */
export const RESTORED_GENERATION = 0;

/** Splits a token into its parts; null: not a refresh token. */
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

/** Creates the first token of a new device, and the state to store. */
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
 * Checks a token against its device's stored state.
 * @returns the next token and the state to store; or `unknown` (forged), or `reused` (an old token was used again)
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
