import { createHmac, createSecretKey } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { signingSecret } from '../foundation/config/signing-secret.js';
import { AppError } from '../foundation/errors/app-error.js';

/** The device that a valid access token was issued to. */
interface TokenBearer {
  accountId: string;
  deviceId: string;
}

/** A token that was verified. */
export interface CheckedToken extends TokenBearer {
  /** Epoch ms. */
  expiresAt: number;
}

/** At run time a KeyObject: the JWT packages accept one, but their typings do not declare it. */
type SecretKey = Buffer;

interface SigningKey {
  id: string;
  key: SecretKey;
}

/** The one algorithm that tokens are signed with. */
export const TOKEN_ALGORITHM = 'HS256';
/** Turns off the library's time checks, which use the system's clock; `read` checks with the server's clock (NOW). */
export const IGNORE_TIMES = { ignoreExpiration: true, ignoreNotBefore: true };

const CLOCK_TOLERANCE_MS = 5_000;
const MAX_REMEMBERED = 50_000;

/** Makes and verifies access tokens (JWT, HS256). A verified token is remembered until it expires. */
@Injectable()
export class AccessTokens {
  /** The first signs; all are accepted. */
  private readonly keys: SigningKey[];
  private readonly verified = new LRUCache<string, CheckedToken>({ max: MAX_REMEMBERED });

  constructor(
    private readonly jwt: JwtService,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    const secrets = [signingSecret(config), config.jwtSecretPrevious];
    this.keys = secrets.filter((secret) => secret !== null).map(signingKey);
  }

  /** @returns the token and when it expires (epoch ms) */
  issue({ accountId, deviceId }: TokenBearer): { token: string; expiresAt: number } {
    const { id, key } = this.keys[0]!;
    const iat = Math.floor(this.now() / 1_000);
    const exp = iat + this.config.accessTokenTtlSeconds;
    const claims = { sub: accountId, did: deviceId, iat, exp };
    const options = { secret: key, algorithm: TOKEN_ALGORITHM, keyid: id } as const;
    return { token: this.jwt.sign(claims, options), expiresAt: exp * 1_000 };
  }

  /** @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  verify(token: string): CheckedToken {
    const known = this.recall(token);
    if (known) return known;
    const checked = this.read(this.claimsOf(token, this.keyFor(token)));
    this.remember(token, checked);
    return checked;
  }

  /** The remembered content of a token that was verified before; null: not remembered, or expired. */
  recall(token: string): CheckedToken | null {
    const known = this.verified.get(token);
    return known && this.isAlive(known) ? known : null;
  }

  /** Remembers a token whose signature and claims were verified. */
  remember(token: string, checked: CheckedToken): void {
    this.verified.set(token, checked);
  }

  /** Finds the key that a token's header names, before its signature is verified. @throws AppError TOKEN_INVALID */
  keyFor(token: string): SecretKey {
    const id = keyIdOf(token);
    if (typeof id !== 'string') throw new AppError('TOKEN_INVALID');
    const found = this.keys.find((candidate) => candidate.id === id);
    if (!found) throw new AppError('TOKEN_INVALID', { detail: 'The token was signed with another key.' });
    return found.key;
  }

  /** Checks the claims of a token whose signature was verified. @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  read({ sub, did, iat, nbf, exp }: Record<string, unknown>): CheckedToken {
    const isComplete = typeof sub === 'string' && typeof did === 'string' && typeof exp === 'number';
    if (!isComplete || !isTime(iat) || !isTime(nbf)) throw new AppError('TOKEN_INVALID');
    if (nbf !== undefined && nbf * 1_000 > this.now() + CLOCK_TOLERANCE_MS) {
      throw new AppError('TOKEN_INVALID', { detail: 'The token is not valid yet.' });
    }
    const checked = { accountId: sub, deviceId: did, expiresAt: exp * 1_000 };
    if (!this.isAlive(checked)) throw new AppError('TOKEN_EXPIRED');
    return checked;
  }

  private claimsOf(token: string, secret: SecretKey): Record<string, unknown> {
    try {
      return this.jwt.verify(token, { secret, algorithms: [TOKEN_ALGORITHM], ...IGNORE_TIMES });
    } catch (error) {
      throw new AppError('TOKEN_INVALID', {}, { cause: error });
    }
  }

  private isAlive({ expiresAt }: CheckedToken): boolean {
    return this.now() < expiresAt + CLOCK_TOLERANCE_MS;
  }
}

/** Reads the header alone: the library decodes the rest anyway when it verifies the signature. */
function keyIdOf(token: string): unknown {
  try {
    const header = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString();
    return (JSON.parse(header) as { kid?: unknown } | null)?.kid;
  } catch (error) {
    throw new AppError('TOKEN_INVALID', {}, { cause: error });
  }
}

function isTime(claim: unknown): claim is number | undefined {
  return claim === undefined || typeof claim === 'number';
}

/** Makes a KeyObject: the library would parse a string as PEM at each use, which takes ten times as long as signing. */
function signingKey(secret: string): SigningKey {
  const id = createHmac('sha256', secret).update('key id').digest('hex').slice(0, 12);
  return { id, key: createSecretKey(Buffer.from(secret)) as unknown as SecretKey };
}
