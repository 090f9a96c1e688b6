import type { Dialect } from '../protocol/columns.js';
import {
  bigint,
  id,
  optional,
  text,
  type ServerTable,
  type ServerTables,
} from '../foundation/database/server-tables.js';

/**
 * One row for each object that object storage has or may have. The row is inserted before the object is written and
 * deleted after the object is removed. `state`:
 * - `uploading`: being written; its upload renews `renewed_at` and `sweep_at` every few seconds
 * - `stored`: a version of its document; only in this state is `sweep_at` null
 * - `retired`: was a version until newer ones replaced it
 * - `abandoned`: never became a version, and never will
 *
 * From `sweep_at` on, the sweep may remove the object. `size_bytes`, `sha256` and `uploaded_at` are null if the object was
 * never stored; `uploaded_at` is also null if it was retired before the table had states.
 */
const documentVersions: ServerTable = {
  name: 'document_versions',
  columns: {
    account_id: id,
    video_id: id,
    kind: id,
    object_key: text,
    epoch: bigint,
    version: bigint,
    mark: optional(text),
    state: text,
    renewed_at: bigint,
    sweep_at: optional(bigint),
    size_bytes: optional(bigint),
    sha256: optional(text),
    uploaded_at: optional(bigint),
  },
  primaryKey: ['account_id', 'video_id', 'kind', 'object_key'],
  indexes: [{ name: 'document_versions_by_sweep', columns: ['sweep_at'], where: 'sweep_at IS NOT NULL' }],
};

/** The table of documents' versions in object storage. */
export const uploadTables: ServerTables = {
  tables: [documentVersions],
  migrations: [
    { name: 'VersionStates1790003000000', creates: [], statements: versionStateStatements },
    {
      name: 'VersionMarks1790021000001',
      creates: [],
      statements: () => [`ALTER TABLE "document_versions" ADD COLUMN "mark" text`],
    },
  ],
};

/**
 * Before this migration, nulls told a row's state, and `started_at` was shifted so that the time to sweep was always an
 * hour after it:
 *
 * | uploaded_at | sha256 | becomes   | sweep_at                                                |
 * |-------------|--------|-----------|---------------------------------------------------------|
 * | set         | set    | stored    | null                                                    |
 * | null        | null   | uploading | an hour after the last renewal, which was `started_at`  |
 * | null        | ''     | abandoned | an hour after `started_at`; the checksum becomes null   |
 * | null        | set    | retired   | an hour after `started_at`                              |
 */
function versionStateStatements(dialect: Dialect): string[] {
  const state = `CASE WHEN uploaded_at IS NOT NULL THEN 'stored' WHEN sha256 IS NULL THEN 'uploading'
    WHEN sha256 = '' THEN 'abandoned' ELSE 'retired' END`;
  const sweepAt = 'CASE WHEN uploaded_at IS NULL THEN started_at + 3600000 END';
  const createIndex = `CREATE INDEX "document_versions_by_sweep" ON "document_versions" ("sweep_at")
    WHERE sweep_at IS NOT NULL`;
  if (dialect === 'postgres') {
    return [
      `ALTER TABLE "document_versions" ADD COLUMN "state" text, ADD COLUMN "sweep_at" bigint`,
      `UPDATE "document_versions" SET state = ${state}, sweep_at = ${sweepAt}, sha256 = nullif(sha256, '')`,
      `ALTER TABLE "document_versions" ALTER COLUMN "state" SET NOT NULL`,
      `ALTER TABLE "document_versions" RENAME COLUMN "started_at" TO "renewed_at"`,
      `DROP INDEX "document_versions_unfinished"`,
      createIndex,
    ];
  }
  // SQLite cannot add a column that is NOT NULL and has no default.
  return [
    `CREATE TABLE "document_versions_with_state" ("account_id" text NOT NULL, "video_id" text NOT NULL,
       "kind" text NOT NULL, "object_key" text NOT NULL, "epoch" integer NOT NULL, "version" integer NOT NULL,
       "state" text NOT NULL, "renewed_at" integer NOT NULL, "sweep_at" integer, "size_bytes" integer, "sha256" text,
       "uploaded_at" integer, PRIMARY KEY ("account_id", "video_id", "kind", "object_key"))`,
    `INSERT INTO "document_versions_with_state" (account_id, video_id, kind, object_key, epoch, version, state,
       renewed_at, sweep_at, size_bytes, sha256, uploaded_at)
     SELECT account_id, video_id, kind, object_key, epoch, version, ${state},
       started_at, ${sweepAt}, size_bytes, nullif(sha256, ''), uploaded_at FROM "document_versions"`,
    `DROP TABLE "document_versions"`,
    `ALTER TABLE "document_versions_with_state" RENAME TO "document_versions"`,
    createIndex,
  ];
}
