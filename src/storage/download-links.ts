import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { signingSecret } from '../foundation/config/signing-secret.js';
import type { Config } from '../foundation/config/config.js';
import type { Now } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { DownloadRequest } from './storage.js';

/** The route of downloads, below the API's prefix. */
export const DOWNLOAD_ROUTE = 'storage/object';
/** The method that a link is signed for; HEAD is accepted as well. */
const METHOD = 'GET';
const KEY_BYTES = 32;

/** An object and the name under which it is saved. */
export interface DownloadLink {
  key: string;
  fileName: string;
}

/** Makes and checks signed links to downloads from this server; a link names one object, one method and its expiry. */
export class DownloadLinks {
  /** The first signs; all are accepted. */
  private readonly signingKeys: Buffer[];
  private readonly path: string;

  constructor(
    config: Config,
    private readonly now: Now,
  ) {
    const secrets = [signingSecret(config), config.jwtSecretPrevious].filter((secret) => secret !== null);
    this.signingKeys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', 'tidemark download links', KEY_BYTES)),
    );
    this.path = `${config.apiPrefix}/${DOWNLOAD_ROUTE}`;
  }

  /** @returns the address and when it stops working (epoch ms) */
  make(key: string, { ttlMs, fileName, origin }: DownloadRequest): { url: string; expiresAt: number } {
    const expiresAt = this.now() + ttlMs;
    const url = new URL(this.path, origin);
    const signature = sign(this.signingKeys[0]!, { key, fileName }, String(expiresAt));
    url.search = new URLSearchParams({
      key,
      name: fileName,
      expires: String(expiresAt),
      signature,
    }).toString();
    return { url: url.href, expiresAt };
  }

  /** Verifies a link. @throws AppError DOWNLOAD_REFUSED when it was altered or has expired */
  open(query: Record<string, unknown>): DownloadLink {
    const { key, name: fileName, expires, signature } = query;
    if (!isText(key) || !isText(fileName) || !isText(expires) || !isText(signature)) {
      throw new AppError('DOWNLOAD_REFUSED', { detail: 'The address is not complete.' });
    }
    const isGenuine = this.signingKeys.some((signingKey) =>
      isSame(signature, sign(signingKey, { key, fileName }, expires)),
    );
    if (!isGenuine)
      throw new AppError('DOWNLOAD_REFUSED', { detail: 'The address was not made by this server.' });
    if (this.now() >= Number(expires)) {
      throw new AppError('DOWNLOAD_REFUSED', { detail: 'The address has expired.' });
    }
    return { key, fileName };
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Signs the fields as JSON, so that different links never have the same signed text. */
function sign(signingKey: Buffer, { key, fileName }: DownloadLink, expires: string): string {
  const link = JSON.stringify([METHOD, key, fileName, expires]);
  return createHmac('sha256', signingKey).update(link).digest('base64url');
}

/** Compares in constant time, as texts: different base64url texts can decode to the same bytes. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
