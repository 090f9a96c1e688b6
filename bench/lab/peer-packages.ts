import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the packages that Tidemark is compared with. */
export const PEERS_FOLDER = join('bench', 'peers');

/** A peer cannot be measured here; the message says why. */
export class PeerUnavailable extends Error {}

/** Installs the peers that are not installed yet. @throws PeerUnavailable */
export function installPeers(): void {
  const { dependencies } = JSON.parse(readFileSync(join(PEERS_FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  // npm writes this file last, so if it exists the installation is complete.
  const record = join(PEERS_FOLDER, 'node_modules', '.package-lock.json');
  const installed = existsSync(record) ? readFileSync(record, 'utf8') : '';
  if (Object.keys(dependencies).every((name) => installed.includes(`"node_modules/${name}"`))) return;
  process.stderr.write('Installing the peers (bench/peers) …\n');
  // The peer's native parts are precompiled; install scripts would only try to compile an old sqlite3 that is not used here.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const ownNpm = process.env.npm_execpath;
  const [command, rest] = ownNpm ? [process.execPath, [ownNpm, ...args]] : ['npm', args];
  const result = spawnSync(command, rest, {
    cwd: PEERS_FOLDER,
    encoding: 'utf8',
    shell: !ownNpm && process.platform === 'win32',
  });
  if (result.status === 0) return;
  const reason = (result.error?.message ?? result.stderr).trim().split('\n').slice(0, 5).join(' ');
  throw new PeerUnavailable(`npm ci in ${PEERS_FOLDER} failed: ${reason}`);
}
