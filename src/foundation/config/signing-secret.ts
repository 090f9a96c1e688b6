import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { AppStartError } from '../errors/app-start-error.js';
import { makeDataDir } from '../files/data-dir.js';
import { closeToOthers } from '../files/private-files.js';
import type { Config } from './config.js';
import { isSecretTooShort, MIN_SECRET_CHARS } from './secrets.js';

/**
 * The secret that signs access tokens: JWT_SECRET or, if unset, one generated once in the data directory (mode 0600).
 * @throws AppStartError when the file holds no secret, or cannot be read or written
 */
export function signingSecret(config: Config): string {
  if (config.jwtSecret !== null) return config.jwtSecret;
  const file = join(config.dataDir, 'jwt-secret');
  try {
    const secret = read(file) ?? make(config.dataDir, file);
    closeToOthers(file, (sentence) => new Logger('Secret').warn(sentence));
    if (!isSecretTooShort(secret)) return secret;
  } catch (error) {
    if (error instanceof AppStartError) throw error;
    throw new AppStartError(`Cannot use the secret in ${file}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  throw new AppStartError(
    `${file} holds no secret of at least ${MIN_SECRET_CHARS} characters: bring it back from a backup, or remove it, and a ` +
      'new one is made (devices then renew their access tokens by themselves).',
  );
}

/** @returns null: there is no such file */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function make(dataDir: string, file: string): string {
  makeDataDir(dataDir);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, randomBytes(32).toString('base64url'), { mode: 0o600, flush: true });
  try {
    // linkSync never replaces a file: of two processes that start at once, the second reads the first one's secret.
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary);
  }
  return readFileSync(file, 'utf8').trim();
}
