import {
  bigint,
  id,
  optional,
  text,
  type ServerTable,
  type ServerTables,
} from '../foundation/database/server-tables.js';

const documentVersions: ServerTable = {
  name: 'document_versions',
  columns: {
    account_id: id,
    video_id: id,
    kind: id,
    object_key: text,
    epoch: bigint,
    version: bigint,
    size_bytes: optional(bigint),
    sha256: optional(text),
    started_at: bigint,
    uploaded_at: optional(bigint),
  },
  primaryKey: ['account_id', 'video_id', 'kind', 'object_key'],
  indexes: [
    { name: 'document_versions_unfinished', columns: ['started_at'], where: 'uploaded_at IS NULL' },
  ],
};

/** The table of documents' versions in object storage. */
export const uploadTables: ServerTables = {
  tables: [documentVersions],
  migrations: [],
};
