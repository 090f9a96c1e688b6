import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeScratchDir } from '../../test/support/scratch.js';
import { documents, type RowsByTable } from '../rows.js';
import { timedRequest, type Timed } from './http.js';
import { installPeers, PEERS_FOLDER, PeerUnavailable } from './peer-packages.js';

const PACKAGE = join(PEERS_FOLDER, 'node_modules', 'pouchdb-server');
const READY_DEADLINE_MS = 30_000;
const DOCUMENTS_AT_ONCE = 5_000;

/** pouchdb-server, started as its documentation says: on LevelDB, which does not wait for the disk. */
export class Peer implements AsyncDisposable {
  private databases = 0;

  private constructor(
    readonly url: string,
    readonly version: string,
    private readonly child: ChildProcess,
    private readonly dataDir: string,
  ) {}

  /** Installs the peer if necessary, and starts it. @throws PeerUnavailable */
  static async start(): Promise<Peer> {
    installPeers();
    const dataDir = makeScratchDir('peer', true);
    const port = await findFreePort();
    const program = join(process.cwd(), PACKAGE, 'bin', 'pouchdb-server');
    const args = ['--port', String(port), '--host', '127.0.0.1', '--dir', dataDir, '--no-stdout-logs'];
    const child = spawn(process.execPath, [program, ...args, '--config', join(dataDir, 'config.json')], {
      cwd: dataDir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      version: string;
    };
    const peer = new Peer(`http://127.0.0.1:${port}`, version, child, dataDir);
    try {
      await peer.untilReady();
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw error;
    }
    return peer;
  }

  /** Makes an empty database. @returns its address */
  async newDatabase(): Promise<string> {
    const address = `${this.url}/bench_${(this.databases += 1)}`;
    await timedRequest(address, { method: 'PUT' });
    return address;
  }

  /** Stores rows in several requests, each within the peer's limit on size. */
  async fill(address: string, rows: RowsByTable): Promise<void> {
    const all = documents(rows);
    for (let start = 0; start < all.length; start += DOCUMENTS_AT_ONCE) {
      await this.store(address, all.slice(start, start + DOCUMENTS_AT_ONCE));
    }
  }

  /** Stores documents in one request. */
  store(address: string, docs: unknown[]): Promise<Timed> {
    return timedRequest(`${address}/_bulk_docs`, { method: 'POST', body: JSON.stringify({ docs }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = new Promise((resolve) => this.child.once('close', resolve));
      this.child.kill('SIGKILL'); // its data is deleted anyway
      await exited;
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async untilReady(): Promise<void> {
    let output = '';
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-2_000)));
    }
    for (const deadline = Date.now() + READY_DEADLINE_MS; Date.now() < deadline; await delay(50)) {
      if (this.child.exitCode !== null) break;
      const isReady = await timedRequest(this.url).then(
        () => true,
        () => false,
      );
      if (isReady) return;
    }
    throw new PeerUnavailable(
      `it does not run on Node ${process.versions.node}: ${output.trim() || 'no answer in time'}`,
    );
  }
}

/** Finds a free port, as the peer cannot choose one itself. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
