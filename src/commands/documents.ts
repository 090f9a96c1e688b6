import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { loadConfig } from '../foundation/config/config.js';
import { connectPostgres } from '../foundation/database/connect-postgres.js';
import { sqliteFile } from '../foundation/database/open.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';

interface ListedVersion {
  document: string;
  epoch: number;
  version: number;
  updatedAt: number;
  pendingSince: number | null;
  failures: number;
  storedEpoch: number | null;
  storedVersion: number | null;
  storedBytes: number | null;
  storedAt: number | null;
}

const LIST = `SELECT d.account_id || '/' || d.video_id || '/' || d.kind AS "document", d.epoch AS "epoch",
    d.version AS "version", d.updated_at AS "updatedAt", d.pending_since AS "pendingSince",
    d.upload_failures AS "failures", v.epoch AS "storedEpoch", v.version AS "storedVersion",
    v.size_bytes AS "storedBytes", v.uploaded_at AS "storedAt"
  FROM documents d LEFT JOIN document_versions v ON v.account_id = d.account_id AND v.video_id = d.video_id
    AND v.kind = d.kind AND v.state = 'stored'
  ORDER BY d.account_id, d.video_id, d.kind, v.epoch DESC, v.version DESC`;

/**
 * Lists the documents and their uploaded versions; a server may be running.
 * @throws AppStartError
 */
export async function listDocuments(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const config = loadConfig({ argv: args, env });
  return describe(config.databaseUrl ? await listPostgres(config.databaseUrl) : listSqlite(config.dataDir));
}

function listSqlite(dataDir: string): ListedVersion[] {
  const file = sqliteFile(dataDir);
  if (!existsSync(file)) throw new AppStartError(`There is no database ${file}; see --data-dir.`);
  const database = new BetterSqlite(file, { readonly: true, timeout: 5_000 });
  try {
    return database.prepare(LIST).all() as ListedVersion[];
  } catch (error) {
    throw new AppStartError(`Cannot list documents: ${(error as Error).message}.`, { cause: error });
  } finally {
    database.close();
  }
}

async function listPostgres(url: string): Promise<ListedVersion[]> {
  const client = await connectPostgres(url, 'tidemark documents');
  try {
    return (await client.query<ListedVersion>(LIST)).rows;
  } catch (error) {
    throw new AppStartError(`Cannot list documents: ${(error as Error).message}.`, { cause: error });
  } finally {
    await client.end();
  }
}

function describe(rows: ListedVersion[]): string {
  if (rows.length === 0) return 'There are no documents.';
  const lines: string[] = [];
  let previous = '';
  for (const row of rows) {
    if (row.document !== previous) lines.push(describeDocument(row));
    previous = row.document;
    if (row.storedEpoch === null) continue;
    const version = `${row.storedEpoch}-${row.storedVersion}`;
    lines.push(
      `    ${version.padEnd(20)}${timeOf(row.storedAt)}  ${String(row.storedBytes).padStart(12)} bytes`,
    );
  }
  return lines.join('\n');
}

function describeDocument({
  document,
  epoch,
  version,
  updatedAt,
  pendingSince,
  failures,
}: ListedVersion): string {
  const upload = pendingSince === null ? 'uploaded' : `not uploaded since ${timeOf(pendingSince)}`;
  const failed = failures > 0 ? `, failed ${failures} times` : '';
  return `${document}  at ${epoch}-${version}, changed ${timeOf(updatedAt)}, ${upload}${failed}`;
}

/** @param ms epoch ms; pg reads a bigint as text */
function timeOf(ms: number | string | null): string {
  return new Date(Number(ms)).toISOString().replace('T', ' ').slice(0, 19);
}
