import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { loadConfig, type Config } from '../foundation/config/config.js';
import type { Database } from '../foundation/database/database.js';
import { openDatabase, sqliteFile } from '../foundation/database/open.js';
import { AppError } from '../foundation/errors/app-error.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { schema } from '../protocol/tables.js';
import { serverTables } from '../tables.js';
import { openStorage } from '../storage/open.js';
import { findLostObjects } from './lost-objects.js';
import { restoreVersion, type RestoreRequest } from './restore-version.js';

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
 * Lists the documents and their uploaded versions, also while a server runs.
 * @throws AppStartError
 */
export async function listDocuments(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const config = loadConfig({ argv: args, env });
  return describe(config.databaseUrl ? await listPostgres(config.databaseUrl) : listSqlite(config.dataDir));
}

/**
 * Looks, after a backup was restored, whether the store still has what the documents go on from.
 * @returns a sentence about what is not as it was; empty: all is
 */
export async function lookForObjects(config: Config): Promise<string> {
  let database: Database | undefined;
  try {
    database = await openDatabase(config, schema, serverTables);
    return await findLostObjects(database, await openStorage(config, Date.now));
  } catch (error) {
    const reason = (error as Error).message;
    return ` Whether the store still has all documents is not known (${reason}); restore again when it answers.`;
  } finally {
    await database?.close();
  }
}

/**
 * Makes an uploaded version of a document its content again.
 * @param args the document, the version, and options
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restoreDocument(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const isDryRun = args.includes('--dry-run');
  const [document = '', version = '', ...argv] = args.filter((arg) => arg !== '--dry-run');
  const config = loadConfig({ argv, env });
  const request = { ...parseRequest(document, version), isDryRun };
  // On SQLite this also makes sure that no server runs.
  const database = await openDatabase(config, schema, serverTables);
  try {
    const storage = await openStorage(config, Date.now);
    return await restoreVersion({ database, storage }, request);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppStartError(`Not restored: ${error.message}`, { cause: error });
  } finally {
    await database.close();
  }
}

function parseRequest(document: string, version: string): Omit<RestoreRequest, 'isDryRun'> {
  const [accountId = '', videoId = '', kind = '', ...rest] = document.split('/');
  const pair = /^(\d{1,15})-(\d{1,15})$/.exec(version);
  if (!kind || rest.length > 0 || !pair) {
    throw new AppStartError('Which document, and which of its versions? See --help.');
  }
  return { ref: { accountId, videoId, kind }, epoch: Number(pair[1]), version: Number(pair[2]) };
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
  const client = new pg.Client({ connectionString: url, application_name: 'tidemark documents' });
  try {
    await client.connect();
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

/** PostgreSQL gives large numbers as texts. */
function timeOf(ms: number | string | null): string {
  return new Date(Number(ms)).toISOString().replace('T', ' ').slice(0, 19);
}
