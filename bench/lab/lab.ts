import { startPostgres, type Postgres } from '../../test/support/postgres.js';
import type { DatabaseName } from '../../test/support/storage.js';
import type { LoadCalls, LoadResult, Target } from '../load/main.js';
import { Peer } from './peer.js';
import { PeerUnavailable } from './peer-packages.js';
import { disposeAll, Remote } from './remote.js';
import { World, type Server } from './world.js';

export const CONNECTIONS = 32;
const WARM_UP_SECONDS = 1;

/** The settings of a run. */
export interface Settings {
  rounds: number;
  /** Length of a burst of load. */
  seconds: number;
  databases: DatabaseName[];
  withPeer: boolean;
}

/** Holds what all measures share; starts each part at its first use. */
export class Lab implements AsyncDisposable {
  private postgres?: Promise<Postgres>;
  private generator?: Promise<Remote<LoadCalls>>;
  private peerOrReason?: Promise<Peer | PeerUnavailable>;
  private readonly worlds: Promise<World>[] = [];
  private runs = 0;

  constructor(
    readonly settings: Settings,
    /** Prints progress. */
    readonly tell: (line: string) => void,
  ) {}

  /** Makes a fresh database with Tidemark on it. */
  async open(database: DatabaseName): Promise<World> {
    // The settings of a fresh installation; the tests' PostgreSQL has smaller ones.
    const settings = { shared_buffers: '128MB', max_wal_size: '1GB' };
    if (database === 'postgres') this.postgres ??= startPostgres({ durable: true, settings });
    const world = World.open(database, database === 'postgres' ? await this.postgres : undefined);
    this.worlds.push(world);
    return world;
  }

  /** The peer; null if it cannot be measured here, which is reported once. */
  async peer(): Promise<Peer | null> {
    const found = await this.findPeer();
    return found instanceof PeerUnavailable ? null : found;
  }

  /** Names and versions of everything that was started. */
  async versions(): Promise<[name: string, version: string][]> {
    const found: [string, string][] = [];
    const reply = await (await this.postgres)?.query('SHOW server_version');
    if (reply) found.push(['PostgreSQL', (reply.rows[0] as { server_version: string }).server_version]);
    const peer = await this.peerOrReason;
    if (peer instanceof Peer) found.push(['pouchdb-server', peer.version]);
    return found;
  }

  /** Why the peer is missing; null: it is running or was never asked for. */
  async whyNoPeer(): Promise<string | null> {
    const found = await this.peerOrReason;
    return found instanceof PeerUnavailable ? found.message : null;
  }

  /** Puts load on an address over CONNECTIONS connections, for the length of a round or a warm-up. */
  async load(url: string, targets: Target[], isWarmUp: boolean): Promise<LoadResult> {
    this.generator ??= Remote.start<LoadCalls>('load/main.ts', [], {});
    const seconds = isWarmUp ? WARM_UP_SECONDS : this.settings.seconds;
    const job = { url, targets, connections: CONNECTIONS, seconds, run: this.newRun() };
    return (await this.generator).call('burst', job);
  }

  /** A short text that is unique in this run. */
  newRun(): string {
    return (this.runs += 1).toString(36).padStart(3, '0');
  }

  /** Stops everything, including what an interrupted measure left behind. */
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

/** Profiles a server's processor time during some work. */
export async function profiled(server: Server, work: () => Promise<unknown>) {
  await server.remote.call('startProfile');
  await work();
  return server.remote.call('stopProfile');
}
