import { parseIntoClientConfig } from 'pg-connection-string';
import type { ClientConfig } from 'pg';
import { AppStartError } from '../errors/app-start-error.js';

/** Never quotes the URL: what cannot be read may be a password. */
const UNREADABLE =
  'DATABASE_URL cannot be read: write special characters of its user and password as %2F for /, %40 for @, %3A for :, ' +
  '%3F for ?, %23 for # and %25 for %.';

/**
 * Reads DATABASE_URL as PostgreSQL's driver does: the only reading of it, for the server and for PostgreSQL's tools.
 * @throws AppStartError whose sentence quotes no part of the URL
 */
export function postgresOptions(url: string): ClientConfig {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new AppStartError('DATABASE_URL must begin with postgres:// (leave it out for SQLite).');
  }
  if (isMisread(url)) throw new AppStartError(UNREADABLE);
  try {
    // Text travels as UTF-8, whatever the URL says.
    return { ...parseIntoClientConfig(url), client_encoding: 'UTF8' };
  } catch (error) {
    throw new AppStartError(faultOf(error), { cause: error });
  }
}

/**
 * Whether the driver takes a password for a part that is printed: a / ? or # in it ends the address too early, or a wrong
 * sign before `password=` makes it a piece of the parameter, or of the database's name, before it.
 */
function isMisread(url: string): boolean {
  const rest = /^\w+:\/\/[^/?#]*(.*)$/s.exec(url)?.[1] ?? '';
  const printed = rest.replace(/([?&]user=)[^&?;#]*|([?&]password=)[^&#]*/g, '$1$2');
  return /[@#]|\?.*[?;]|^[^?]*[&;=]/s.test(printed);
}

function faultOf(error: unknown): string {
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return `DATABASE_URL names a certificate that cannot be read: ${message}.`;
  if (/sslmode=verify-ca requires/.test(message)) {
    return 'DATABASE_URL: sslmode=verify-ca with uselibpqcompat needs sslrootcert, or use sslmode=verify-full.';
  }
  return UNREADABLE;
}
