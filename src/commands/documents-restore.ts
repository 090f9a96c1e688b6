import { declaredTables } from '../declared-tables.js';
import { loadConfig } from '../foundation/config/config.js';
import { openDatabase } from '../foundation/database/open.js';
import { AppError } from '../foundation/errors/app-error.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { serverTables } from '../tables.js';
import { openStorage } from '../storage/open.js';
import { restoreVersion, type RestoreRequest } from './restore-version.js';

/**
 * Runs `tidemark documents restore`: makes an uploaded version the document's content again.
 * @param args the document, the version, and options
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restoreDocument(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const isDryRun = args.includes('--dry-run');
  const [document = '', version = '', ...argv] = args.filter((arg) => arg !== '--dry-run');
  const config = loadConfig({ argv, env });
  const request = { ...parseRequest(document, version), isDryRun };
  // On SQLite this fails while a server is running.
  const database = await openDatabase(config, await declaredTables(config.tables), serverTables);
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
