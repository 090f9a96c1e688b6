import type { Dialect } from '../../protocol/columns.js';
import {
  bigint,
  bytes,
  createServerTable,
  id,
  integer,
  optional,
  sameType,
  text,
  type ServerTable,
  type ServerTables,
} from './server-tables.js';

const accounts: ServerTable = {
  name: 'accounts',
  columns: {
    id,
    history_id: text,
    clock: bigint,
    origin: bigint,
    horizon: bigint,
    row_count: bigint,
    created_at: bigint,
    tombstone_count: optional(bigint),
    mark: { ...text, default: "'00000000'" },
    stamps_from: { ...bigint, default: "'0'" },
  },
  primaryKey: ['id'],
};

/** Each value that an account's clock took, by which a server that went back in time is noticed. */
const accountCheckpoints: ServerTable = {
  name: 'account_checkpoints',
  columns: { account_id: id, stamp: bigint, mark: text },
  primaryKey: ['account_id', 'stamp'],
};

const devices: ServerTable = {
  name: 'devices',
  columns: {
    account_id: id,
    id,
    name: text,
    platform: optional(text),
    created_at: bigint,
    last_seen_at: bigint,
    last_pulled_at: optional(bigint),
    refresh_family: text,
    refresh_generation: integer,
    refresh_current: text,
    refresh_previous: optional(text),
  },
  primaryKey: ['account_id', 'id'],
};

/** `device_id` is null if an earlier version made the code. */
const pairingCodes: ServerTable = {
  name: 'pairing_codes',
  columns: { code_hash: text, account_id: id, expires_at: bigint, device_id: optional(id) },
  primaryKey: ['code_hash'],
};

const documentLocks: ServerTable = {
  name: 'document_locks',
  columns: {
    account_id: id,
    video_id: id,
    kind: id,
    lock_type: optional(text),
    reason: optional(text),
    session_id: optional(text),
    user_id: optional(text),
    device_id: optional(text),
    holder_name: optional(text),
    fencing_token: bigint,
    acquired_at: optional(bigint),
    expires_at: optional(bigint),
  },
  primaryKey: ['account_id', 'video_id', 'kind'],
  indexes: [{ name: 'document_locks_by_expiry', columns: ['expires_at'], where: 'expires_at IS NOT NULL' }],
};

/** Socket.IO's adapter stores announcements here that are too long for a NOTIFY; it does not create the table itself. */
const socketIoAttachments: ServerTable = {
  name: 'socket_io_attachments',
  columns: {
    id: { ...bigint, isGenerated: true },
    created_at: { type: sameType('timestamp with time zone'), default: 'now()' },
    payload: bytes,
  },
  primaryKey: ['id'],
  only: 'postgres',
};

/** The counts of rate-limiter-flexible, shared by all processes; it requires these columns in this order. */
const rateLimits: ServerTable = {
  name: 'rate_limits',
  columns: { key: text, points: integer, expire: optional(bigint) },
  primaryKey: ['key'],
  only: 'postgres',
};

/** The table in which the server stores how the tables of records were declared at its last start. */
export const RECORD_TABLES = 'record_tables';

const recordTables: ServerTable = {
  name: RECORD_TABLES,
  columns: { name: text, declaration: text },
  primaryKey: ['name'],
};

/** The tables of accounts and devices, rate limits, locks and sockets, and what the server knows of the records. */
export const hallTables: ServerTables = {
  tables: [
    accounts,
    accountCheckpoints,
    devices,
    pairingCodes,
    rateLimits,
    documentLocks,
    socketIoAttachments,
    recordTables,
  ],
  migrations: [
    {
      name: 'Accounts1790000000000',
      creates: ['accounts', 'devices', 'pairing_codes'],
      statements: accountStatements,
    },
    { name: 'RateLimits1790004000000', creates: ['rate_limits'], statements: rateLimitStatements },
    {
      name: 'RecordTables1790005000000',
      creates: [RECORD_TABLES],
      statements: (dialect) => createServerTable(dialect, recordTables),
    },
    {
      name: 'Checkpoints1790006000000',
      creates: ['account_checkpoints'],
      statements: checkpointStatements,
    },
    { name: 'TombstoneCounts1790007000000', creates: [], statements: tombstoneCountStatements },
    { name: 'PairingCodeMakers1790009000000', creates: [], statements: pairingCodeMakerStatements },
  ],
};

/**
 * Commits from before have no mark; all get the same one, so that nobody is refused when a snapshot from before is
 * migrated again and nothing is lost.
 */
function checkpointStatements(dialect: Dialect): string[] {
  const [id, int] = dialect === 'postgres' ? ['text COLLATE "C"', 'bigint'] : ['text', 'integer'];
  const clustered = dialect === 'sqlite' ? ' WITHOUT ROWID' : '';
  return [
    `ALTER TABLE "accounts" ADD COLUMN "mark" text NOT NULL DEFAULT '00000000'`,
    `ALTER TABLE "accounts" ADD COLUMN "stamps_from" ${int} NOT NULL DEFAULT '0'`,
    `UPDATE "accounts" SET "stamps_from" = "clock"`,
    `CREATE TABLE "account_checkpoints" ("account_id" ${id} NOT NULL, "stamp" ${int} NOT NULL, "mark" text NOT NULL,
       PRIMARY KEY ("account_id", "stamp"))${clustered}`,
    `INSERT INTO "account_checkpoints" SELECT "id", "clock", "mark" FROM "accounts"`,
  ];
}

function rateLimitStatements(dialect: Dialect): string[] {
  return dialect === 'postgres' ? createServerTable(dialect, rateLimits) : [];
}

/** Null in the accounts of earlier versions: the next push to such an account counts its tombstones. */
function tombstoneCountStatements(dialect: Dialect): string[] {
  return [`ALTER TABLE "accounts" ADD COLUMN "tombstone_count" ${bigint.type[dialect]}`];
}

function accountStatements(dialect: Dialect): string[] {
  const [id, int] = dialect === 'postgres' ? ['text COLLATE "C"', 'bigint'] : ['text', 'integer'];
  return [
    `CREATE TABLE "accounts" ("id" ${id} PRIMARY KEY NOT NULL, "history_id" text NOT NULL, "clock" ${int} NOT NULL,
       "origin" ${int} NOT NULL, "horizon" ${int} NOT NULL, "row_count" ${int} NOT NULL, "created_at" ${int} NOT NULL)`,
    `CREATE TABLE "devices" ("account_id" ${id} NOT NULL, "id" ${id} NOT NULL, "name" text NOT NULL, "platform" text,
       "created_at" ${int} NOT NULL, "last_seen_at" ${int} NOT NULL, "last_pulled_at" ${int},
       "refresh_family" text NOT NULL, "refresh_generation" integer NOT NULL, "refresh_current" text NOT NULL,
       "refresh_previous" text, PRIMARY KEY ("account_id", "id"))`,
    `CREATE TABLE "pairing_codes" ("code_hash" text PRIMARY KEY NOT NULL, "account_id" ${id} NOT NULL,
       "expires_at" ${int} NOT NULL)`,
  ];
}

function pairingCodeMakerStatements(dialect: Dialect): string[] {
  const id = dialect === 'postgres' ? 'text COLLATE "C"' : 'text';
  return [`ALTER TABLE "pairing_codes" ADD COLUMN "device_id" ${id}`];
}
