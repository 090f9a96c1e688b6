import { startPostgres, type Postgres } from '../../test/support/postgres.js';
import type { DatabaseName } from '../../test/support/storage.js';
import type { LoadCalls, LoadResult, Target } from '../load/main.js';
import { Peer } from './peer.js';
import { PeerUnavailable } from './peer-packages.js';
import { disposeAll, Remote } from './remote.js';
import { World, type Server } from './world.js';

export const CONNECTIONS = 32;
const WARM_UP_SECONDS = 1;

/** What can be chosen for a run. */
export interface Settings {
  rounds: number;
  /** How long a burst of load lasts. */
  seconds: number;
  databases: DatabaseName[];
  withPeer: boolean;
}

/** Keeps what all measures share, and starts each part when it is first asked for. */
export class Lab implements AsyncDisposable {
  private postgres?: Promise<Postgres>;
  private generator?: Promise<Remote<LoadCalls>>;
  private peerOrReason?: Promise<Peer | PeerUnavailable>;
  private readonly worlds: Promise<World>[] = [];
  private runs = 0;

  constructor(
    readonly settings: Settings,
    /** Says what is going on. */
    readonly tell: (line: string) => void,
  ) {}

  /** A fresh database with Tidemark on it. */
  async open(database: DatabaseName): Promise<World> {
    // The settings of a fresh installation, where the tests' PostgreSQL has smaller ones.
    const settings = { shared_buffers: '128MB', max_wal_size: '1GB' };
    if (database === 'postgres') this.postgres ??= startPostgres({ durable: true, settings });
    const world = World.open(database, database === 'postgres' ? await this.postgres : undefined);
    this.worlds.push(world);
    return world;
  }

  /** The peer, or null when it cannot be measured here, which is said once, loudly. */
  async peer(): Promise<Peer | null> {
    const found = await this.findPeer();
    return found instanceof PeerUnavailable ? null : found;
  }

  /** The versions of what was started, as name and version. */
  async versions(): Promise<[name: string, version: string][]> {
    const found: [string, string][] = [];
    const reply = await (await this.postgres)?.query('SHOW server_version');
    if (reply) found.push(['PostgreSQL', (reply.rows[0] as { server_version: string }).server_version]);
    const peer = await this.peerOrReason;
    if (peer instanceof Peer) found.push(['pouchdb-server', peer.version]);
    return found;
  }

  /** Why the peer is missing; null when it is there or was never wanted. */
  async whyNoPeer(): Promise<string | null> {
    const found = await this.peerOrReason;
    return found instanceof PeerUnavailable ? found.message : null;
  }

  /** Puts load on an address, CONNECTIONS at once, for a round's time (or for a warm-up's). */
  async load(url: string, targets: Target[], isWarmUp: boolean): Promise<LoadResult> {
    this.generator ??= Remote.start<LoadCalls>('load/main.ts', [], {});
    const seconds = isWarmUp ? WARM_UP_SECONDS : this.settings.seconds;
    const job = { url, targets, connections: CONNECTIONS, seconds, run: this.newRun() };
    return (await this.generator).call('burst', job);
  }

  /** A short text that no one else in this run has got. */
  newRun(): string {
    return (this.runs += 1).toString(36).padStart(3, '0');
  }

  /** Stops everything, also what an interrupted measure left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await disposeAll([...this.worlds, this.generator, this.peerOrReason]);
    await disposeAll([this.postgres]);
  }

  private findPeer(): Promise<Peer | PeerUnavailable> {
    return (this.peerOrReason ??= this.startPeer());
  }

  private async startPeer(): Promise<Peer | PeerUnavailable> {
    try {
      if (!this.settings.withPeer) throw new PeerUnavailable('--no-peer was given.');
      return await Peer.start();
    } catch (error) {
      if (!(error instanceof PeerUnavailable)) throw error;
      this.tell(`\n!!! THE PEER (pouchdb-server) IS LEFT OUT: ${error.message}\n`);
      return error;
    }
  }
}

/** Lets a server do something while its processor time is being noted. */
export async function profiled(server: Server, work: () => Promise<unknown>) {
  await server.remote.call('startProfile');
  await work();
  return server.remote.call('stopProfile');
}
