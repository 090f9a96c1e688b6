import type { Dialect } from '../protocol/columns.js';
import {
  bigint,
  bytes,
  id,
  integer,
  optional,
  text,
  type ServerTable,
  type ServerTables,
} from '../foundation/database/server-tables.js';

const documents: ServerTable = {
  name: 'documents',
  columns: {
    account_id: id,
    video_id: id,
    kind: id,
    epoch: bigint,
    version: bigint,
    mark: optional(text),
    content_mark: optional(text),
    has_clocks: { ...integer, default: "'0'" },
    size_bytes: bigint,
    updated_at: bigint,
    pending_since: optional(bigint),
    upload_due_at: optional(bigint),
    upload_failures: integer,
    stored_epoch: optional(bigint),
    stored_version: optional(bigint),
    stored_mark: optional(text),
    stored_key: optional(text),
    stored_sha256: optional(text),
    stored_size_bytes: optional(bigint),
    uploaded_at: optional(bigint),
    owner_id: optional(text),
    owner_token: bigint,
    owner_expires_at: optional(bigint),
  },
  primaryKey: ['account_id', 'video_id', 'kind'],
  indexes: [{ name: 'documents_by_due', columns: ['upload_due_at'], where: 'upload_due_at IS NOT NULL' }],
};

/**
 * Acknowledged content that is not uploaded yet. Version 1 of an epoch is a whole content, gzipped, in parts; only on
 * PostgreSQL, as SQLite has it as a working copy. Each later version is one batch of changes, in part 0.
 */
const documentJournal: ServerTable = {
  name: 'document_journal',
  columns: {
    account_id: id,
    video_id: id,
    kind: id,
    epoch: bigint,
    version: bigint,
    part: integer,
    body: bytes,
  },
  primaryKey: ['account_id', 'video_id', 'kind', 'epoch', 'version', 'part'],
};

/** The marks of versions: each is that of the versions from `from_version` on, until the next row. */
const documentMarks: ServerTable = {
  name: 'document_marks',
  columns: { account_id: id, video_id: id, kind: id, epoch: bigint, from_version: bigint, mark: text },
  primaryKey: ['account_id', 'video_id', 'kind', 'epoch', 'from_version'],
};

/** The tables of documents and of their content. */
export const documentTables: ServerTables = {
  tables: [documents, documentJournal, documentMarks],
  migrations: [
    {
      name: 'Documents1790002000000',
      creates: ['documents', 'document_versions', 'document_locks', 'document_journal'],
      statements: documentStatements,
    },
    { name: 'DocumentMarks1790021000000', creates: [], statements: markStatements },
    { name: 'LiveDocuments1790030000000', creates: ['document_marks'], statements: liveStatements },
  ],
};

function documentStatements(dialect: Dialect): string[] {
  const [id, int] = dialect === 'postgres' ? ['text COLLATE "C"', 'bigint'] : ['text', 'integer'];
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

/** Versions from before this migration keep no mark. */
function markStatements(): string[] {
  return [
    `ALTER TABLE "documents" ADD COLUMN "mark" text`,
    `ALTER TABLE "documents" ADD COLUMN "stored_mark" text`,
  ];
}

/** Contents from before this migration are the first versions of their epochs, and were imported without clocks. */
function liveStatements(dialect: Dialect): string[] {
  const [id, int] = dialect === 'postgres' ? ['text COLLATE "C"', 'bigint'] : ['text', 'integer'];
  const document = `"account_id" ${id} NOT NULL, "video_id" ${id} NOT NULL, "kind" ${id} NOT NULL`;
  const statements = [
    `ALTER TABLE "documents" ADD COLUMN "content_mark" text`,
    `ALTER TABLE "documents" ADD COLUMN "has_clocks" integer NOT NULL DEFAULT '0'`,
    `UPDATE "documents" SET content_mark = mark`,
    `CREATE TABLE "document_marks" (${document}, "epoch" ${int} NOT NULL, "from_version" ${int} NOT NULL, "mark" text NOT NULL,
       PRIMARY KEY ("account_id", "video_id", "kind", "epoch", "from_version"))`,
    `INSERT INTO "document_marks" (account_id, video_id, kind, epoch, from_version, mark)
     SELECT account_id, video_id, kind, epoch, version, mark FROM "documents" WHERE mark IS NOT NULL`,
  ];
  if (dialect === 'postgres') return statements;
  return [
    ...statements,
    `CREATE TABLE "document_journal" (${document}, "epoch" integer NOT NULL, "version" integer NOT NULL,
       "part" integer NOT NULL, "body" blob NOT NULL,
       PRIMARY KEY ("account_id", "video_id", "kind", "epoch", "version", "part"))`,
  ];
}
