import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { signingSecret } from '../foundation/config/signing-secret.js';
import type { RefreshState } from './devices.repository.js';

interface RefreshToken {
  accountId: string;
  deviceId: string;
  generation: number;
  family: string;
  secret: string;
  /** Null: the token was made before tokens had a proof. */
  proof: string | null;
}

const TOKEN = /^([\w-]{1,64})\.([\w-]{1,64})\.([1-9]\d{0,8})\.([\w-]{22})\.([\w-]{43})(?:\.([\w-]{43}))?$/;
const KEY_BYTES = 32;

// Each lost answer leaves a token that the device may still use. The hashes of the first ones are stored; the later ones
// are known by their proofs. Those without a proof are among the first, as no new ones are made.
const MAX_STORED_SIBLINGS = 8;

/** The restore of an earlier version stored this: the first token of the family comes in, whatever its generation. */
const MARKED_GENERATION = 0;

/**
 * Makes and judges refresh tokens (docs/decisions/0004). They rotate: using one creates the next generation. Because an
 * answer can be lost, the previous token works until one of its successors is used; an older token counts as stolen. A
 * token is `account.device.generation.family.secret.proof`. Family and secret are random (128 and 256 bits) and stored
 * as hashes; the family distinguishes a device's own old token from a forged one. The proof is an HMAC over all parts
 * before it: by it the server knows its own tokens even after its database went back in time.
 */
@Injectable()
export class RefreshTokens {
  /** The first signs; all are accepted. */
  private readonly keys: Buffer[];

  constructor(@Inject(CONFIG) config: Config) {
    const secrets = [signingSecret(config), config.jwtSecretPrevious].filter((secret) => secret !== null);
    this.keys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', 'tidemark refresh tokens', KEY_BYTES)),
    );
  }

  /** Splits a token into its parts; null: not a refresh token. */
  parse(text: string): RefreshToken | null {
    const match = TOKEN.exec(text);
    if (!match) return null;
    const [accountId, deviceId, generation, family, secret] = match.slice(1, 6) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const proof = match[6] ?? null;
    return { accountId, deviceId, generation: Number(generation), family, secret, proof };
  }

  /** Creates the first token of a new device, and the state to store. */
  first(accountId: string, deviceId: string): { token: string; state: RefreshState } {
    const token = { accountId, deviceId, generation: 1, family: random(16), secret: random(32) };
    return {
      token: this.format(token),
      state: { family: hash(token.family), generation: 1, current: [hash(token.secret)], previous: null },
    };
  }

  /**
   * Checks a token against its device's stored state.
   * @returns the next token and the state to store; or `unknown` (forged), or `reused` (an old token was used again)
   */
  rotate(
    used: RefreshToken,
    state: RefreshState,
  ): { token: string; state: RefreshState } | 'unknown' | 'reused' {
    if (!equal(hash(used.family), state.family)) return 'unknown';
    const usedHash = hash(used.secret);
    if (used.generation >= state.generation) {
      const isStored =
        used.generation === state.generation && state.current.some((one) => equal(one, usedHash));
      const isMarked = state.generation === MARKED_GENERATION && used.proof === null;
      // A generation ahead: the database went back in time. A current token that is not stored: likewise, or it is one of
      // many answers to the previous token.
      if (!isStored && !isMarked && !this.isProved(used)) return 'unknown';
      const generation = used.generation + 1;
      const secret = random(32);
      return {
        token: this.format({ ...used, generation, secret }),
        state: { ...state, generation, current: [hash(secret)], previous: usedHash },
      };
    }
    if (
      used.generation === state.generation - 1 &&
      state.previous !== null &&
      equal(state.previous, usedHash)
    ) {
      const secret = random(32);
      return {
        token: this.format({ ...used, generation: state.generation, secret }),
        state: { ...state, current: [...state.current, hash(secret)].slice(0, MAX_STORED_SIBLINGS) },
      };
    }
    return 'reused';
  }

  private isProved({ proof, ...token }: RefreshToken): boolean {
    return proof !== null && this.keys.some((key) => equal(proofOf(token, key), proof));
  }

  private format(token: Unproved): string {
    return `${textOf(token)}.${proofOf(token, this.keys[0]!)}`;
  }
}

type Unproved = Omit<RefreshToken, 'proof'>;

function textOf({ accountId, deviceId, generation, family, secret }: Unproved): string {
  return [accountId, deviceId, generation, family, secret].join('.');
}

function proofOf(token: Unproved, key: Buffer): string {
  return createHmac('sha256', key).update(textOf(token)).digest('base64url');
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
