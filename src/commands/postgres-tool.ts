import { spawnSync } from 'node:child_process';
import { AppStartError } from '../foundation/errors/app-start-error.js';

/**
 * Runs one of PostgreSQL's tools. The password is passed in the environment, which other users cannot read.
 * @throws AppStartError
 */
export function runPostgresTool(tool: 'pg_dump' | 'pg_restore', url: string, args: string[]): void {
  const address = new URL(url);
  const password = decodeURIComponent(address.password);
  address.password = '';
  const result = spawnSync(tool, [...args, `--dbname=${address.href}`], {
    env: { ...process.env, ...(password && { PGPASSWORD: password }) },
    encoding: 'utf8',
  });
  const byHand = `Run it where it is installed, in the server's version: ${tool} ${args.join(' ')} --dbname=<DATABASE_URL>`;
  if (result.error)
    throw new AppStartError(`${tool} is not installed here. ${byHand}`, { cause: result.error });
  if (result.status !== 0) {
    const reason = result.stderr.trim().split('\n').slice(0, 3).join(' ');
    throw new AppStartError(`${tool} failed: ${reason}\n${byHand}`);
  }
}
