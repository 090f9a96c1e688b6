import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import pg from 'pg';
import { postgresOptions } from '../foundation/config/postgres-url.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';

/** What a tool needs of this process's environment; the rest holds secrets that are not its business. */
const NEEDED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'LD_LIBRARY_PATH', 'PGPASSFILE', 'SystemRoot'];

/** What the driver makes of DATABASE_URL and of the PG… variables. */
interface Connection {
  user: string;
  host: string;
  port: number;
  database: string;
  /** Null: none, or one in the password file. */
  password: string | null;
  /** Options of the session, such as `-c search_path=x`. */
  options?: string;
  ssl: boolean | Tls;
}

interface Tls {
  rejectUnauthorized?: boolean;
  checkServerIdentity?: unknown;
  /** Contents of PEM files. */
  ca?: string;
  cert?: string;
  key?: string;
}

/**
 * Runs one of PostgreSQL's tools on the database to which the driver connects. Everything but the database's name is
 * passed in the environment, which other users cannot read.
 * @throws AppStartError
 */
export function runPostgresTool(tool: 'pg_dump' | 'pg_restore', url: string, args: string[]): void {
  const client = new pg.Client(postgresOptions(url));
  const { connectionParameters: connection } = client as unknown as { connectionParameters: Connection };
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-tool-'));
  try {
    const inherited = NEEDED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    });
    const env = {
      ...Object.fromEntries(inherited),
      ...environment(connection),
      ...tlsEnvironment(connection.ssl, folder),
    };
    run(tool, [...args, `--dbname=${databaseName(connection.database)}`], env);
  } catch (error) {
    const byHand = `Run it where it is installed, in the server's version: ${tool} ${args.join(' ')} --dbname=<DATABASE_URL>`;
    throw new AppStartError(`${(error as Error).message}\n${byHand}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(tool: string, args: string[], env: NodeJS.ProcessEnv): void {
  const result = spawnSync(tool, args, { env, encoding: 'utf8' });
  if (result.error) {
    const isMissing = (result.error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Error(
      isMissing ? `${tool} is not installed here.` : `${tool} does not run: ${result.error.message}.`,
    );
  }
  if (result.status === 0) return;
  const reason = result.stderr.trim().split('\n').slice(0, 3).join(' ');
  throw new Error(`${tool} failed: ${reason || `it ended by ${result.signal ?? `code ${result.status}`}`}`);
}

/** In the form in which no name is taken for an address. */
function databaseName(name: string): string {
  return `dbname='${name.replace(/[\\']/g, '\\$&')}'`;
}

function environment({ host, port, user, password, options }: Connection): Record<string, string> {
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    ...(password && { PGPASSWORD: password }),
    ...(options && { PGOPTIONS: options }),
  };
}

/** As strict as the driver: by default it checks the server's certificate and name against the authorities of Node. */
function tlsEnvironment(ssl: boolean | Tls, folder: string): Record<string, string> {
  if (ssl === false) return { PGSSLMODE: 'disable' };
  const { rejectUnauthorized, checkServerIdentity, ca, cert, key }: Tls = ssl === true ? {} : ssl;
  const store = (name: string, content: string) => {
    const file = join(folder, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  };
  const client = {
    ...(cert && { PGSSLCERT: store('cert.pem', cert) }),
    ...(key && { PGSSLKEY: store('key.pem', key) }),
  };
  if (rejectUnauthorized === false) return { ...client, PGSSLMODE: 'require' };
  return {
    ...client,
    PGSSLMODE: checkServerIdentity === undefined ? 'verify-full' : 'verify-ca',
    PGSSLROOTCERT: store('authorities.pem', ca ?? authorities()),
  };
}

/** The authorities that Node trusts. */
function authorities(): string {
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  const own = extra && existsSync(extra) ? [readFileSync(extra, 'utf8')] : [];
  return [...rootCertificates, ...own].join('\n');
}
