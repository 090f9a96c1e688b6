import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders with a PostgreSQL and its tools in one version; the bundled PostgreSQL has no tools. */
export function postgresFolders(): string[] {
  const folders = [process.env.POSTGRES_BIN_DIR, ...(process.env.PATH ?? '').split(delimiter)];
  try {
    folders.push(execFileSync('pg_config', ['--bindir'], { encoding: 'utf8', stdio: 'pipe' }).trim());
  } catch {
    // Not installed here: another folder may have it.
  }
  const debian = '/usr/lib/postgresql';
  if (existsSync(debian)) folders.push(...readdirSync(debian).map((version) => join(debian, version, 'bin')));
  const programs = ['initdb', 'postgres', 'pg_dump', 'pg_restore'];
  return folders.filter(
    (folder): folder is string => !!folder && programs.every((name) => existsSync(join(folder, name))),
  );
}
