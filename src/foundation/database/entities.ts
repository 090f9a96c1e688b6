import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { Column, ColumnValue, Dialect } from '../../protocol/columns.js';
import { sinceOf, type Schema, type Table } from '../../protocol/schema.js';

type ColumnMap = Record<string, EntitySchemaColumnOptions>;

const idText = (dialect: Dialect): EntitySchemaColumnOptions =>
  dialect === 'postgres' ? { type: 'text', collation: 'C' } : { type: 'text' };

const bigint = (dialect: Dialect): EntitySchemaColumnOptions => ({
  type: dialect === 'postgres' ? 'bigint' : 'integer',
});

/** The indexes of a record table, all led by the account so that tables can be distributed by it. */
export function recordIndexes(
  name: string,
  table: Table,
): { name: string; columns: string[]; where?: string }[] {
  const owners = Object.entries(table.columns).filter(([, column]) => column.isOwner);
  return [
    { name: `${name}_by_change`, columns: ['account_id', 'last_modified', 'id'] },
    { name: `${name}_tombstones`, columns: ['account_id', 'last_modified', 'id'], where: 'is_deleted' },
    ...owners.map(([column]) => ({ name: `${name}_by_${column}`, columns: ['account_id', column] })),
  ];
}

/** A column added later needs a default for the rows that are there already. */
function sqlDefault(table: Table, column: Column): EntitySchemaColumnOptions['default'] {
  if (sinceOf(table, column) === table.since || column.optional) return undefined;
  const value = column.defaultValue;
  // TypeORM quotes a text without escaping what is in it; numbers it compares only when they are given as such.
  return typeof value === 'string' ? () => literal(value) : value;
}

/** A value as SQL text. */
export function literal(value: ColumnValue): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

function recordColumn(dialect: Dialect, table: Table, column: Column): EntitySchemaColumnOptions {
  return {
    type: column.sqlType[dialect] as EntitySchemaColumnOptions['type'],
    nullable: column.optional,
    collation: dialect === 'postgres' && column.references ? 'C' : undefined,
    default: sqlDefault(table, column),
  };
}

function recordEntity(dialect: Dialect, name: string, table: Table): EntitySchema {
  const columns: ColumnMap = {
    account_id: { ...idText(dialect), primary: true },
    id: { ...idText(dialect), primary: true },
    last_modified: bigint(dialect),
    is_deleted: { type: 'boolean' },
  };
  for (const [columnName, column] of Object.entries(table.columns)) {
    columns[columnName] = recordColumn(dialect, table, column);
  }
  return new EntitySchema({
    name,
    columns,
    withoutRowid: dialect === 'sqlite',
    indices: recordIndexes(name, table),
  });
}

function documentKey(id: EntitySchemaColumnOptions): ColumnMap {
  return {
    account_id: { ...id, primary: true },
    video_id: { ...id, primary: true },
    kind: { ...id, primary: true },
  };
}

function documentEntities(id: EntitySchemaColumnOptions, time: EntitySchemaColumnOptions): EntitySchema[] {
  const timeOrNull = { ...time, nullable: true };
  const textOrNull: EntitySchemaColumnOptions = { type: 'text', nullable: true };
  const documents = new EntitySchema({
    name: 'documents',
    columns: {
      ...documentKey(id),
      epoch: time,
      version: time,
      size_bytes: time,
      updated_at: time,
      pending_since: timeOrNull,
      upload_due_at: timeOrNull,
      upload_failures: { type: 'integer' },
      stored_epoch: timeOrNull,
      stored_version: timeOrNull,
      stored_key: textOrNull,
      stored_sha256: textOrNull,
      stored_size_bytes: timeOrNull,
      uploaded_at: timeOrNull,
      owner_id: textOrNull,
      owner_token: time,
      owner_expires_at: timeOrNull,
    },
    indices: [{ name: 'documents_by_due', columns: ['upload_due_at'], where: 'upload_due_at IS NOT NULL' }],
  });
  const versions = new EntitySchema({
    name: 'document_versions',
    columns: {
      ...documentKey(id),
      object_key: { type: 'text', primary: true },
      epoch: time,
      version: time,
      size_bytes: timeOrNull,
      sha256: textOrNull,
      started_at: time,
      uploaded_at: timeOrNull,
    },
    indices: [
      { name: 'document_versions_unfinished', columns: ['started_at'], where: 'uploaded_at IS NULL' },
    ],
  });
  const locks = new EntitySchema({
    name: 'document_locks',
    columns: {
      ...documentKey(id),
      lock_type: textOrNull,
      reason: textOrNull,
      session_id: textOrNull,
      user_id: textOrNull,
      device_id: textOrNull,
      holder_name: textOrNull,
      fencing_token: time,
      acquired_at: timeOrNull,
      expires_at: timeOrNull,
    },
    indices: [{ name: 'document_locks_by_expiry', columns: ['expires_at'], where: 'expires_at IS NOT NULL' }],
  });
  return [documents, versions, locks];
}

/** TypeORM's entities for the server's own tables and for every declared table. */
export function entities(dialect: Dialect, schema: Schema): EntitySchema[] {
  const id = idText(dialect);
  const time = bigint(dialect);
  const accounts = new EntitySchema({
    name: 'accounts',
    columns: {
      id: { ...id, primary: true },
      history_id: { type: 'text' },
      clock: time,
      origin: time,
      horizon: time,
      row_count: time,
      created_at: time,
    },
  });
  const devices = new EntitySchema({
    name: 'devices',
    columns: {
      account_id: { ...id, primary: true },
      id: { ...id, primary: true },
      name: { type: 'text' },
      platform: { type: 'text', nullable: true },
      created_at: time,
      last_seen_at: time,
      last_pulled_at: { ...time, nullable: true },
      refresh_family: { type: 'text' },
      refresh_generation: { type: 'integer' },
      refresh_current: { type: 'text' },
      refresh_previous: { type: 'text', nullable: true },
    },
  });
  const pairingCodes = new EntitySchema({
    name: 'pairing_codes',
    columns: {
      code_hash: { type: 'text', primary: true },
      account_id: id,
      expires_at: time,
    },
  });
  const shares = new EntitySchema({
    name: 'shares',
    columns: {
      account_id: { ...id, primary: true },
      id: { ...id, primary: true },
      game_id: id,
      token_hash: { type: 'text' },
      created_at: time,
      created_by: id,
    },
    indices: [
      { name: 'shares_by_token', columns: ['token_hash'], unique: true },
      { name: 'shares_by_game', columns: ['account_id', 'game_id'] },
    ],
  });
  // Where Socket.IO's adapter puts announcements too long for a NOTIFY; the adapter does not make it itself.
  const attachments = new EntitySchema({
    name: 'socket_io_attachments',
    columns: {
      id: { type: 'bigint', primary: true, generated: 'increment' },
      created_at: { type: 'timestamp with time zone', default: () => 'now()' },
      payload: { type: 'bytea' },
    },
  });
  const journal = new EntitySchema({
    name: 'document_journal',
    columns: {
      ...documentKey(id),
      epoch: { ...time, primary: true },
      version: { ...time, primary: true },
      part: { type: 'integer', primary: true },
      body: { type: 'bytea' },
    },
  });
  const rateLimits = new EntitySchema({
    name: 'rate_limits',
    columns: {
      key: { type: 'text', primary: true },
      points: { type: 'integer' },
      expire: { ...time, nullable: true },
    },
  });
  const ofPostgres = dialect === 'postgres' ? [attachments, journal, rateLimits] : [];
  const records = Object.entries(schema.tables).map(([name, table]) => recordEntity(dialect, name, table));
  return [accounts, devices, pairingCodes, shares, ...documentEntities(id, time), ...ofPostgres, ...records];
}
