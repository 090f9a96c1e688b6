import type { Config } from '../../foundation/config/config.js';
import { AppStartError } from '../../foundation/errors/app-start-error.js';
import { isKey } from '../storage-key.js';

/** An S3 store's address and credentials. */
export interface S3Options {
  bucket: string;
  /** Before every key: empty, or ending in `/`. */
  prefix: string;
  /** Undefined: AWS. */
  endpoint?: string;
  /** The origin of download URLs, if clients reach the store at another address. Undefined: the endpoint. */
  publicEndpoint?: string;
  /** Undefined: the SDK finds it, as AWS tools do. */
  region?: string;
  /** Undefined: the SDK finds them, as AWS tools do. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

const SHAPE = 's3://bucket/prefix?endpoint=https://s3.example.org&region=eu-central-1';
const PARAMETERS = ['endpoint', 'public_endpoint', 'region'];
const REGION_OF_NO_MEANING = 'us-east-1';

/**
 * Parses STORAGE_URL, and takes the credentials from the settings.
 * @throws AppStartError, whose sentence quotes nothing that may be secret
 */
export function parseS3Url(text: string, config: Config): S3Options {
  const url = URL.canParse(text) ? new URL(text) : null;
  const bucket = url?.hostname ?? '';
  if (!url || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new AppStartError(
      `STORAGE_URL must read ${SHAPE}; a bucket has lower-case letters, digits, . and -.`,
    );
  }
  if (url.username || url.password) {
    throw new AppStartError(
      'STORAGE_URL must hold no keys; give them by S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.',
    );
  }
  const prefix = url.pathname.replace(/^\/|\/$/g, '');
  if (url.port || url.hash || (prefix !== '' && !isKey(prefix))) {
    throw new AppStartError(`STORAGE_URL must read ${SHAPE}; a prefix has letters, digits, ., _, - and /.`);
  }
  for (const name of url.searchParams.keys()) {
    if (PARAMETERS.includes(name)) continue;
    throw new AppStartError(`STORAGE_URL takes ${PARAMETERS.join(', ')} after its "?" and nothing else.`);
  }
  const endpoint = originIn(url, 'endpoint');
  return {
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint,
    publicEndpoint: originIn(url, 'public_endpoint'),
    // Self-hosted stores need a region in signatures, and most accept any.
    region: url.searchParams.get('region') ?? (endpoint ? REGION_OF_NO_MEANING : undefined),
    credentials: credentialsIn(config),
  };
}

function originIn(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name);
  if (value === null) return undefined;
  const endpoint = URL.canParse(value) ? new URL(value) : null;
  const isOrigin = endpoint && /^https?:$/.test(endpoint.protocol) && endpoint.href === `${endpoint.origin}/`;
  if (!isOrigin) {
    throw new AppStartError(
      `STORAGE_URL: ${name} must be an origin such as https://s3.example.org, with no path.`,
    );
  }
  return endpoint.origin;
}

function credentialsIn({ s3AccessKeyId, s3SecretAccessKey }: Config): S3Options['credentials'] {
  if (s3AccessKeyId === null && s3SecretAccessKey === null) return undefined;
  if (s3AccessKeyId === null || s3SecretAccessKey === null) {
    throw new AppStartError('S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY come together: set both, or none.');
  }
  return { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey };
}
