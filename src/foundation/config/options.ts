/** How one setting is declared: everything else (environment, flags, `--help`, README) derives from it. */
export interface Option {
  readonly kind: 'text' | 'integer' | 'boolean' | 'choice' | 'origins';
  readonly default: string | number | boolean | null;
  /** One sentence; for integers with the unit. */
  readonly about: string;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
}

/** Every setting of the server by the name of its environment variable; `--kebab-case` on the command line. */
export const options = {
  HOST: { kind: 'text', default: '0.0.0.0', about: 'Address to listen on.' },
  PORT: {
    kind: 'integer',
    default: 3000,
    min: 0,
    max: 65_535,
    about: 'Port to listen on; 0 takes a free one.',
  },
  METRICS_PORT: {
    kind: 'integer',
    default: null,
    min: 0,
    max: 65_535,
    about:
      'Port on 127.0.0.1 that answers /metrics and the details of /health without a token; 0 takes a free one; unset: only with OPERATOR_TOKEN.',
  },
  DATA_DIR: {
    kind: 'text',
    default: './data',
    about: 'Folder for SQLite, the generated secret and the working copies of documents.',
  },
  DATABASE_URL: {
    kind: 'text',
    default: null,
    about: 'postgres://… to use PostgreSQL 15–18; unset: SQLite in DATA_DIR.',
  },
  DATABASE_POOL_SIZE: {
    kind: 'integer',
    default: 16,
    min: 4,
    max: 1_000,
    about: 'Connections to PostgreSQL.',
  },
  TABLES: {
    kind: 'text',
    default: null,
    about: 'File that declares the tables of the records (.ts, .js or .json); unset: the scorekeeping ones.',
  },
  STORAGE_URL: {
    kind: 'text',
    default: null,
    about:
      'Where documents are uploaded to: file:/a/folder or s3://bucket/prefix?endpoint=…&region=…&public_endpoint=…; unset: a folder in DATA_DIR.',
  },
  S3_ACCESS_KEY_ID: {
    kind: 'text',
    default: null,
    about: 'Names the key for s3: storage; unset: as AWS tools find it.',
  },
  S3_SECRET_ACCESS_KEY: { kind: 'text', default: null, about: 'The secret of S3_ACCESS_KEY_ID.' },
  JWT_SECRET: {
    kind: 'text',
    default: null,
    about: 'Signs access tokens, at least 32 characters; unset: made at first start and kept in DATA_DIR.',
  },
  JWT_SECRET_PREVIOUS: {
    kind: 'text',
    default: null,
    about:
      'Still accepted while secrets rotate; remove it after ACCESS_TOKEN_TTL_SECONDS, once there is a newer backup.',
  },
  ACCESS_TOKEN_TTL_SECONDS: {
    kind: 'integer',
    default: 900,
    min: 10,
    max: 31_536_000,
    about: 'Lifetime of an access token, in seconds.',
  },
  OPERATOR_TOKEN: {
    kind: 'text',
    default: null,
    about:
      'Lets jobs on the server’s side lock and rewrite documents of any account, and monitors read /metrics and the details of /health, at least 32 characters; unset: none may.',
  },
  WEB_DIR: {
    kind: 'text',
    default: null,
    about: 'Folder of the web app served at /; unset: the one that npm start built, if any; off: none.',
  },
  API_PREFIX: { kind: 'text', default: '/api/v1', about: 'Path under which the routes live.' },
  CORS_ORIGINS: {
    kind: 'origins',
    default: null,
    about: 'Web origins allowed to call the API, such as https://app.example.org, separated by commas, or *.',
  },
  TRUST_PROXY: {
    kind: 'boolean',
    default: false,
    about:
      'Take the client’s address from the last entry of X-Forwarded-For; only behind a proxy that sets it.',
  },
  LOG_LEVEL: {
    kind: 'choice',
    default: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    about: 'Least severe log line that is written.',
  },
  MAX_BODY_BYTES: {
    kind: 'integer',
    default: 33_554_432,
    min: 1_024,
    max: 1_073_741_824,
    about: 'Largest request body, in bytes after inflating.',
  },
  MAX_OPEN_SNAPSHOTS: { kind: 'integer', default: 32, min: 1, max: 1_000, about: 'Long pulls at once.' },
  PULL_STALL_SECONDS: {
    kind: 'integer',
    default: 30,
    min: 1,
    max: 3_600,
    about: 'A reader that takes nothing for this many seconds is cut off.',
  },
  MAX_ROWS_PER_ACCOUNT: {
    kind: 'integer',
    default: 2_000_000,
    min: 0,
    about: 'Records an account may hold; of deletions it keeps four times as many. 0: no limit.',
  },
  MAX_DEVICES_PER_ACCOUNT: {
    kind: 'integer',
    default: 100,
    min: 0,
    about: 'Devices of one account; 0: no limit.',
  },
  MAX_SOCKETS_PER_DEVICE: {
    kind: 'integer',
    default: 10,
    min: 1,
    max: 1_000,
    about: 'Live connections of one device to one process; one more closes the oldest.',
  },
  MAX_WATCHERS_PER_DOCUMENT: {
    kind: 'integer',
    default: 50,
    min: 1,
    max: 10_000,
    about: 'Live connections to one process that only watch one document.',
  },
  MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: {
    kind: 'integer',
    default: 60,
    min: 0,
    about: 'Accounts made from one address in an hour; 0: no limit.',
  },
  LOCK_TTL_SECONDS: {
    kind: 'integer',
    default: 60,
    min: 5,
    max: 3_600,
    about: 'How long the lock of a document lasts unless it is renewed, in seconds.',
  },
  UPLOAD_IDLE_MINUTES: {
    kind: 'integer',
    default: 5,
    min: 0,
    max: 1_440,
    about: 'A document is uploaded when it has not changed for this many minutes.',
  },
  UPLOAD_CHECKPOINT_MINUTES: {
    kind: 'integer',
    default: 15,
    min: 0,
    max: 1_440,
    about: 'While a document keeps changing it is uploaded this many minutes after the first change.',
  },
  UPLOADS_AT_ONCE: {
    kind: 'integer',
    default: 2,
    min: 1,
    max: 64,
    about: 'Uploads that run at the same time.',
  },
  DOWNLOAD_URL_TTL_SECONDS: {
    kind: 'integer',
    default: 300,
    min: 10,
    max: 86_400,
    about: 'How long the address of a download works, in seconds.',
  },
  MAX_DOCUMENT_BYTES: {
    kind: 'integer',
    default: 536_870_912,
    min: 65_536,
    max: 68_719_476_736,
    about: 'Largest document, in bytes after inflating.',
  },
  MAX_DOCUMENTS_PER_ACCOUNT: {
    kind: 'integer',
    default: 10_000,
    min: 0,
    about: 'Documents of one account; 0: no limit.',
  },
  MAX_DOCUMENT_BYTES_PER_ACCOUNT: {
    kind: 'integer',
    default: 2_147_483_648,
    min: 0,
    about: 'Bytes of all documents of an account together, inflated; 0: no limit.',
  },
  MAX_WORKING_COPY_BYTES: {
    kind: 'integer',
    default: 10_737_418_240,
    min: 1_048_576,
    about:
      'Disk that working copies may take in DATA_DIR, in bytes; those that are uploaded make room first.',
  },
  RESERVED_DISK_BYTES: {
    kind: 'integer',
    default: 268_435_456,
    min: 0,
    about:
      'Of the disk of DATA_DIR, what documents leave free for the database, in bytes; of a small disk an eighth at most.',
  },
  TOMBSTONE_RETENTION_DAYS: {
    kind: 'integer',
    default: 0,
    min: 0,
    max: 36_500,
    about: 'Days for which deletions are remembered; 0: for ever.',
  },
  STAMP_RETENTION_DAYS: {
    kind: 'integer',
    default: 90,
    min: 0,
    max: 36_500,
    about: 'Days for which every state that clients saw is known, see docs/decisions/0019; 0: for ever.',
  },
  SHUTDOWN_DEADLINE_SECONDS: {
    kind: 'integer',
    default: 30,
    min: 0,
    max: 3_600,
    about: 'How long running requests and uploads may take to finish on SIGTERM, in seconds.',
  },
} as const satisfies Record<string, Option>;

/** The name of an option. */
export type OptionName = keyof typeof options;

/** The flag of an option: `DATA_DIR` → `data-dir`. */
export function flagOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** The options as lines for `--help`. */
export function describeOptions(): string {
  return Object.entries<Option>(options)
    .map(([name, option]) => {
      const fallback = option.default === null || option.default === false ? '' : ` [${option.default}]`;
      return `  --${flagOf(name).padEnd(36)}${option.about}${fallback}`;
    })
    .join('\n');
}

/** The options as a Markdown table, for the README. */
export function describeOptionsAsTable(): string {
  const rows = Object.entries<Option>(options).map(([name, option]) => {
    const fallback = option.default === null ? '' : `\`${option.default}\``;
    return `| \`${name}\` | ${fallback} | ${option.about} |`;
  });
  return ['| option | default | meaning |', '|---|---|---|', ...rows].join('\n');
}
