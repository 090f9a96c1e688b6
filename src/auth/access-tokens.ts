import { createHmac, webcrypto } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { signingSecret } from '../foundation/config/signing-secret.js';

/** Whom a valid access token speaks for. */
export interface TokenBearer {
  accountId: string;
  deviceId: string;
}

/** A token that was checked. */
export interface CheckedToken extends TokenBearer {
  /** Epoch ms. */
  expiresAt: number;
}

interface SigningKey {
  id: string;
  key: webcrypto.CryptoKey;
}

const CLOCK_TOLERANCE_MS = 5_000;
const MAX_REMEMBERED = 50_000;

/** Makes and checks access tokens (JWT, HS256). A checked token is remembered until it expires. */
@Injectable()
export class AccessTokens {
  /** The first signs; all are accepted. */
  private readonly keys: Promise<SigningKey[]>;
  private readonly remembered = new Map<string, CheckedToken>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    const secrets = [signingSecret(config), config.jwtSecretPrevious].filter((secret) => secret !== null);
    this.keys = Promise.all(secrets.map(signingKey));
  }

  /** @returns the token and when it expires (epoch ms) */
  async issue({ accountId, deviceId }: TokenBearer): Promise<{ token: string; expiresAt: number }> {
    const [current] = await this.keys;
    const issuedAt = Math.floor(this.now() / 1_000);
    const expiresAt = issuedAt + this.config.accessTokenTtlSeconds;
    const token = await new SignJWT({ did: deviceId })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: current!.id })
      .setSubject(accountId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(current!.key);
    return { token, expiresAt: expiresAt * 1_000 };
  }

  /** @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  async verify(token: string): Promise<CheckedToken> {
    const known = this.remembered.get(token);
    if (known && this.now() < known.expiresAt + CLOCK_TOLERANCE_MS) return known;
    const checked = await this.check(token);
    this.remember(token, checked);
    return checked;
  }

  private async check(token: string): Promise<CheckedToken> {
    try {
      const { payload } = await jwtVerify(token, (header) => this.keyOf(header.kid), {
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'did', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_MS / 1_000,
        currentDate: new Date(this.now()),
      });
      if (typeof payload.did !== 'string') throw new AppError('TOKEN_INVALID');
      return { accountId: payload.sub!, deviceId: payload.did, expiresAt: payload.exp! * 1_000 };
    } catch (error) {
      if (error instanceof joseErrors.JWTExpired) throw new AppError('TOKEN_EXPIRED', {}, { cause: error });
      if (error instanceof joseErrors.JOSEError) throw new AppError('TOKEN_INVALID', {}, { cause: error });
      throw error;
    }
  }

  private async keyOf(id: string | undefined): Promise<webcrypto.CryptoKey> {
    const keys = await this.keys;
    const found = keys.find((candidate) => candidate.id === id);
    if (!found) throw new AppError('TOKEN_INVALID', { detail: 'The token was signed with another key.' });
    return found.key;
  }

  private remember(token: string, checked: CheckedToken): void {
    // A Map keeps insertion order and lifetimes are alike: the first is the one to expire first.
    const oldest = this.remembered.size >= MAX_REMEMBERED ? this.remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.remembered.delete(oldest);
    this.remembered.set(token, checked);
  }
}

async function signingKey(secret: string): Promise<SigningKey> {
  // A CryptoKey: from anything else jose makes one at each use, which costs more than the signature.
  const usages: webcrypto.KeyUsage[] = ['sign', 'verify'];
  const key = await webcrypto.subtle.importKey(
    'raw',
    Buffer.from(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    usages,
  );
  return { id: createHmac('sha256', secret).update('key id').digest('hex').slice(0, 12), key };
}
