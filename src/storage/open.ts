import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../foundation/config/config.js';
import type { Now } from '../foundation/config/config.module.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { DownloadLinks } from './download-links.js';
import { FileStorage } from './drivers/file.storage.js';
import { parseS3Url } from './drivers/s3-url.js';
import type { ObjectStorage } from './storage.js';

/**
 * Opens the storage that STORAGE_URL names; unset: a folder in DATA_DIR. It does not contact an S3 store, so the server
 * also starts while the store is down.
 * @throws AppStartError, whose sentence quotes no part of the URL because the URL may contain a secret by mistake
 */
export async function openStorage(config: Config, now: Now): Promise<ObjectStorage> {
  const url = config.storageUrl;
  if (url?.startsWith('s3:')) {
    // Load the SDK only for S3: it takes a tenth of the server's start.
    const { S3Storage } = await import('./drivers/s3.storage.js');
    return new S3Storage(parseS3Url(url, config), now);
  }
  const folder = url === null ? join(config.dataDir, 'storage') : folderOf(url);
  return FileStorage.open(folder, new DownloadLinks(config, now));
}

function folderOf(url: string): string {
  const fault = 'STORAGE_URL must name a folder from the root on, such as file:/var/lib/tidemark/storage.';
  if (!url.startsWith('file:/')) throw new AppStartError(fault);
  try {
    const { search, hash } = new URL(url);
    if (search || hash) throw new AppStartError(fault);
    return fileURLToPath(url);
  } catch (error) {
    throw new AppStartError(fault, { cause: error });
  }
}
