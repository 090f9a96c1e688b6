import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { Column, Dialect } from '../../protocol/columns.js';
import { columnsAt, sinceOf, type Schema, type Table } from '../../protocol/schema.js';
import { literal, recordIndexes } from './entities.js';

// TypeORM orders migrations by the 13 digits at the end of their names.
export const FIRST_MIGRATION = 1_790_000_000_000;

/** What came to the server's own tables later; its number is far above those of the records' schema versions. */
export const SHARES = {
  migration: `Shares${FIRST_MIGRATION + 1_000_000}`,
  tables: ['shares', 'socket_io_attachments'],
};

/** Documents, their locks and what is in object storage of them. */
export const DOCUMENTS = {
  migration: `Documents${FIRST_MIGRATION + 2_000_000}`,
  tables: ['documents', 'document_versions', 'document_locks', 'document_journal'],
};

/** What the limits of the routes without a token count, on PostgreSQL; on SQLite they count in memory. */
export const RATE_LIMITS = {
  migration: `RateLimits${FIRST_MIGRATION + 3_000_000}`,
  tables: ['rate_limits'],
};

/** Every migration in order: the first tables, one migration for each schema version of the records, what came later. */
export function migrations(dialect: Dialect, schema: Schema): (new () => MigrationInterface)[] {
  const versions = Array.from({ length: schema.version }, (_, index) => index + 1);
  return [
    migration(`Accounts${FIRST_MIGRATION}`, accountStatements(dialect)),
    ...versions.map((version) =>
      migration(`Records${FIRST_MIGRATION + version}`, recordStatements(dialect, schema, version)),
    ),
    migration(SHARES.migration, shareStatements(dialect)),
    migration(DOCUMENTS.migration, documentStatements(dialect)),
    migration(RATE_LIMITS.migration, rateLimitStatements(dialect)),
  ];
}

function migration(name: string, statements: string[]): new () => MigrationInterface {
  return class implements MigrationInterface {
    name = name;

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements) await runner.query(statement);
    }

    down(): Promise<void> {
      throw new Error('Migrations only go forward; restore a backup instead.');
    }
  };
}

const collated = (dialect: Dialect) => (dialect === 'postgres' ? 'text COLLATE "C"' : 'text');
const bigint = (dialect: Dialect) => (dialect === 'postgres' ? 'bigint' : 'integer');

function accountStatements(dialect: Dialect): string[] {
  const id = collated(dialect);
  const int = bigint(dialect);
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

function shareStatements(dialect: Dialect): string[] {
  const id = collated(dialect);
  const shares = [
    `CREATE TABLE "shares" ("account_id" ${id} NOT NULL, "id" ${id} NOT NULL, "game_id" ${id} NOT NULL,
       "token_hash" text NOT NULL, "created_at" ${bigint(dialect)} NOT NULL, "created_by" ${id} NOT NULL,
       PRIMARY KEY ("account_id", "id"))`,
    `CREATE UNIQUE INDEX "shares_by_token" ON "shares" ("token_hash")`,
    `CREATE INDEX "shares_by_game" ON "shares" ("account_id", "game_id")`,
  ];
  if (dialect === 'sqlite') return shares;
  return [
    ...shares,
    `CREATE TABLE "socket_io_attachments" ("id" bigserial PRIMARY KEY NOT NULL,
       "created_at" timestamptz NOT NULL DEFAULT now(), "payload" bytea NOT NULL)`,
  ];
}

function documentStatements(dialect: Dialect): string[] {
  const id = collated(dialect);
  const int = bigint(dialect);
  const document = `"account_id" ${id} NOT NULL, "video_id" ${id} NOT NULL, "kind" ${id} NOT NULL`;
  const statements = [
    `CREATE TABLE "documents" (${document}, "epoch" ${int} NOT NULL, "version" ${int} NOT NULL,
       "size_bytes" ${int} NOT NULL, "updated_at" ${int} NOT NULL, "pending_since" ${int}, "upload_due_at" ${int},
       "upload_failures" integer NOT NULL, "stored_epoch" ${int}, "stored_version" ${int}, "stored_key" text,
       "stored_sha256" text, "stored_size_bytes" ${int}, "uploaded_at" ${int}, "owner_id" text,
       "owner_token" ${int} NOT NULL, "owner_expires_at" ${int}, PRIMARY KEY ("account_id", "video_id", "kind"))`,
    `CREATE INDEX "documents_by_due" ON "documents" ("upload_due_at") WHERE upload_due_at IS NOT NULL`,
    `CREATE TABLE "document_versions" (${document}, "object_key" text NOT NULL, "epoch" ${int} NOT NULL,
       "version" ${int} NOT NULL, "size_bytes" ${int}, "sha256" text, "started_at" ${int} NOT NULL, "uploaded_at" ${int},
       PRIMARY KEY ("account_id", "video_id", "kind", "object_key"))`,
    `CREATE INDEX "document_versions_unfinished" ON "document_versions" ("started_at") WHERE uploaded_at IS NULL`,
    `CREATE TABLE "document_locks" (${document}, "lock_type" text, "reason" text, "session_id" text, "user_id" text,
       "device_id" text, "holder_name" text, "fencing_token" ${int} NOT NULL, "acquired_at" ${int}, "expires_at" ${int},
       PRIMARY KEY ("account_id", "video_id", "kind"))`,
    `CREATE INDEX "document_locks_by_expiry" ON "document_locks" ("expires_at") WHERE expires_at IS NOT NULL`,
  ];
  if (dialect === 'sqlite') return statements;
  return [
    ...statements,
    `CREATE TABLE "document_journal" (${document}, "epoch" bigint NOT NULL, "version" bigint NOT NULL,
       "part" integer NOT NULL, "body" bytea NOT NULL,
       PRIMARY KEY ("account_id", "video_id", "kind", "epoch", "version", "part"))`,
  ];
}

function rateLimitStatements(dialect: Dialect): string[] {
  if (dialect === 'sqlite') return [];
  // The columns and their order are those that rate-limiter-flexible expects.
  return [
    `CREATE TABLE "rate_limits" ("key" text PRIMARY KEY NOT NULL, "points" integer NOT NULL, "expire" bigint)`,
  ];
}

function recordStatements(dialect: Dialect, schema: Schema, version: number): string[] {
  return Object.entries(schema.tables).flatMap(([name, table]) => {
    if (table.since === version) return createTable(dialect, name, table);
    if (table.since < version) return addColumns(dialect, name, table, version);
    return [];
  });
}

function createTable(dialect: Dialect, name: string, table: Table): string[] {
  const first = Object.fromEntries(columnsAt(table, table.since));
  const columns = Object.entries(first).map(([column, declared]) =>
    columnDefinition(dialect, column, declared),
  );
  const id = collated(dialect);
  return [
    `CREATE TABLE "${name}" ("account_id" ${id} NOT NULL, "id" ${id} NOT NULL,
       "last_modified" ${bigint(dialect)} NOT NULL, "is_deleted" boolean NOT NULL, ${columns.join(', ')},
       PRIMARY KEY ("account_id", "id"))${dialect === 'sqlite' ? ' WITHOUT ROWID' : ''}`,
    ...createIndexes(name, { ...table, columns: first }),
  ];
}

function addColumns(dialect: Dialect, name: string, table: Table, version: number): string[] {
  const added = Object.entries(table.columns).filter(([, column]) => sinceOf(table, column) === version);
  const before = createIndexes(name, {
    ...table,
    columns: Object.fromEntries(columnsAt(table, version - 1)),
  });
  const after = createIndexes(name, { ...table, columns: Object.fromEntries(columnsAt(table, version)) });
  return [
    ...added.map(([column, declared]) => {
      const definition = columnDefinition(dialect, column, declared);
      const fill = declared.optional ? '' : ` DEFAULT ${literal(declared.defaultValue)}`;
      return `ALTER TABLE "${name}" ADD COLUMN ${definition}${fill}`;
    }),
    ...after.filter((statement) => !before.includes(statement)),
  ];
}

function createIndexes(name: string, table: Table): string[] {
  return recordIndexes(name, table).map((index) => {
    const columns = index.columns.map((column) => `"${column}"`).join(', ');
    const where = index.where ? ` WHERE ${index.where}` : '';
    return `CREATE INDEX "${index.name}" ON "${name}" (${columns})${where}`;
  });
}

function columnDefinition(dialect: Dialect, name: string, column: Column): string {
  const collation = dialect === 'postgres' && column.references ? ' COLLATE "C"' : '';
  return `"${name}" ${column.sqlType[dialect]}${collation}${column.optional ? '' : ' NOT NULL'}`;
}
