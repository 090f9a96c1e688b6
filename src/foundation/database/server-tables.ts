import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { Dialect } from '../../protocol/columns.js';
import type { Schema } from '../../protocol/schema.js';
import { AppStartError } from '../errors/app-start-error.js';

/** A column of one of the server's own tables. */
interface ServerColumn {
  readonly type: Readonly<Record<Dialect, string>>;
  readonly isNullable?: boolean;
  /** Compared byte by byte on PostgreSQL too; SQLite always does so. */
  readonly isByteOrdered?: boolean;
  /** PostgreSQL generates ascending numbers. */
  readonly isGenerated?: boolean;
  /** An SQL expression. */
  readonly default?: string;
}

/** One of the server's own tables. */
export interface ServerTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, ServerColumn>>;
  readonly primaryKey: readonly string[];
  readonly indexes?: readonly ServerIndex[];
  /** The only dialect that has the table; default: both. */
  readonly only?: Dialect;
}

/** An index of one of the server's own tables. */
interface ServerIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique?: boolean;
  /** SQL condition: the index contains only rows that fulfil it. */
  readonly where?: string;
}

/**
 * One migration of the server's own tables. After a release its statements never change, because databases have run
 * them: a later change of a table is a new migration.
 */
interface ServerMigration {
  /** Ends with the 13 digits by which TypeORM sorts migrations. */
  readonly name: string;
  /** The names of the tables that it creates. */
  readonly creates: readonly string[];
  readonly statements: (dialect: Dialect) => string[];
}

/** The server's own tables, of one room or of all. */
export interface ServerTables {
  readonly tables: readonly ServerTable[];
  readonly migrations: readonly ServerMigration[];
}

const sameType = (type: string) => ({ sqlite: type, postgres: type });

/** An id, such as of an account, a device or a video. */
export const id: ServerColumn = { type: sameType('text'), isByteOrdered: true };
export const text: ServerColumn = { type: sameType('text') };
/** 32 bits. */
export const integer: ServerColumn = { type: sameType('integer') };
/** 64 bits: times in epoch ms, sizes in bytes, versions. */
export const bigint: ServerColumn = { type: { sqlite: 'integer', postgres: 'bigint' } };
export const bytes: ServerColumn = { type: { sqlite: 'blob', postgres: 'bytea' } };

/** The same column, but nullable. */
export function optional(column: ServerColumn): ServerColumn {
  return { ...column, isNullable: true };
}

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

const pairingCodes: ServerTable = {
  name: 'pairing_codes',
  columns: { code_hash: text, account_id: id, expires_at: bigint },
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

/** The tables that exist in this dialect. */
export function tablesOn(dialect: Dialect, { tables }: ServerTables): ServerTable[] {
  return tables.filter(({ only }) => only === undefined || only === dialect);
}

/** TypeORM's entity of a table. */
export function serverEntity(dialect: Dialect, table: ServerTable): EntitySchema {
  const columns = Object.entries(table.columns).map(([name, column]): [string, EntitySchemaColumnOptions] => [
    name,
    {
      type: column.type[dialect] as EntitySchemaColumnOptions['type'],
      primary: table.primaryKey.includes(name),
      nullable: column.isNullable,
      collation: column.isByteOrdered && dialect === 'postgres' ? 'C' : undefined,
      generated: column.isGenerated ? 'increment' : undefined,
      default: column.default === undefined ? undefined : () => column.default,
    },
  ]);
  return new EntitySchema({
    name: table.name,
    columns: Object.fromEntries(columns),
    indices: table.indexes?.map((index) => ({
      name: index.name,
      columns: [...index.columns],
      unique: index.isUnique,
      where: index.where,
    })),
  });
}

/** The statements that create a table as declared: its first migration uses them until a release freezes their text. */
export function createServerTable(dialect: Dialect, table: ServerTable): string[] {
  const columns = Object.entries(table.columns).map(([name, column]) => {
    const type = column.isGenerated && dialect === 'postgres' ? 'bigserial' : column.type[dialect];
    const collation = column.isByteOrdered && dialect === 'postgres' ? ' COLLATE "C"' : '';
    const nullability = column.isNullable ? '' : ' NOT NULL';
    const fill = column.default === undefined ? '' : ` DEFAULT ${column.default}`;
    return `"${name}" ${type}${collation}${nullability}${fill}`;
  });
  const indexes = (table.indexes ?? []).map(
    (index) =>
      `CREATE ${index.isUnique ? 'UNIQUE ' : ''}INDEX "${index.name}" ON "${table.name}" (${quoted(index.columns)})` +
      (index.where ? ` WHERE ${index.where}` : ''),
  );
  return [
    `CREATE TABLE "${table.name}" (${columns.join(', ')}, PRIMARY KEY (${quoted(table.primaryKey)}))`,
    ...indexes,
  ];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** The table in which TypeORM lists the migrations that were run. */
export const MIGRATIONS_TABLE = 'migrations';

/** The names of the server's own tables and indexes, in either dialect: no record table can have one of them. */
export function reservedNames({ tables }: ServerTables): ReadonlySet<string> {
  const indexes = tables.flatMap((table) => table.indexes ?? []);
  return new Set([...tables, ...indexes].map(({ name }) => name)).add(MIGRATIONS_TABLE);
}

/**
 * Checks that no record table has a reserved name.
 * @throws AppStartError that names all such tables
 */
export function checkRecordNames(schema: Schema, server: ServerTables): void {
  const reserved = reservedNames(server);
  const refused = Object.keys(schema.tables).filter((name) => reserved.has(name));
  if (refused.length === 0) return;
  throw new AppStartError(
    `No record table can be called ${refused.join(', ')}: the server itself has that name in its database. ` +
      'Declare it under another name.',
  );
}
