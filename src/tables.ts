import { documentTables } from './documents/tables.js';
import { hallTables } from './foundation/database/hall-tables.js';
import type { ServerTables } from './foundation/database/server-tables.js';
import { shareTables } from './shares/tables.js';
import { uploadTables } from './uploads/tables.js';

const rooms = [hallTables, shareTables, documentTables, uploadTables];

/** The server's own tables of all rooms, without the tables of records. */
export const serverTables: ServerTables = {
  tables: rooms.flatMap(({ tables }) => tables),
  migrations: rooms.flatMap(({ migrations }) => migrations),
};
