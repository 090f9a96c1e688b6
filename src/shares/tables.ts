import type { Dialect } from '../protocol/columns.js';
import {
  bigint,
  id,
  text,
  type ServerTable,
  type ServerTables,
} from '../foundation/database/server-tables.js';

const shares: ServerTable = {
  name: 'shares',
  columns: { account_id: id, id, game_id: id, token_hash: text, created_at: bigint, created_by: id },
  primaryKey: ['account_id', 'id'],
  indexes: [
    { name: 'shares_by_token', columns: ['token_hash'], isUnique: true },
    { name: 'shares_by_game', columns: ['account_id', 'game_id'] },
  ],
};

/** The table of links to games. */
export const shareTables: ServerTables = {
  tables: [shares],
  migrations: [
    {
      name: 'Shares1790001000000',
      creates: ['shares', 'socket_io_attachments'],
      statements: shareStatements,
    },
  ],
};

function shareStatements(dialect: Dialect): string[] {
  const [id, int] = dialect === 'postgres' ? ['text COLLATE "C"', 'bigint'] : ['text', 'integer'];
  const shares = [
    `CREATE TABLE "shares" ("account_id" ${id} NOT NULL, "id" ${id} NOT NULL, "game_id" ${id} NOT NULL,
       "token_hash" text NOT NULL, "created_at" ${int} NOT NULL, "created_by" ${id} NOT NULL,
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
