import { randomBytes } from 'node:crypto';
import { TestDevice } from '../../test/support/device.js';
import type { Postgres } from '../../test/support/postgres.js';
import { createStorage, type DatabaseName, type Storage } from '../../test/support/storage.js';
import { gamesFor } from '../rows.js';
import type { RawCalls } from '../raw/main.js';
import type { ServerCalls } from '../server/main.js';
import { disposeAll, Remote } from './remote.js';

/** A server under measurement. */
export interface Server {
  url: string;
  remote: Remote<ServerCalls>;
}

/** A device of an account, which may have records already. */
export interface Account {
  device: TestDevice;
  /** The account's clock. */
  clock: number;
  /** The number of the account's records. */
  rows: number;
  /** Headers for the device's requests. */
  headers: Record<string, string>;
}

/** One fresh database and the contenders on it, each its own process that is started at its first use. */
export class World implements AsyncDisposable {
  private readonly servers: { naive?: Promise<Server>; raw?: Promise<Remote<RawCalls>> } = {};
  private stopping?: Promise<void>;

  private constructor(
    readonly database: DatabaseName,
    private readonly storage: Storage,
    private readonly env: Record<string, string>,
    private running: Server,
  ) {}

  /** Makes a database on a real disk and starts Tidemark on it. */
  static async open(database: DatabaseName, postgres?: Postgres): Promise<World> {
    const storage = await createStorage(database, { postgres, durable: true });
    const env = {
      ...storage.env,
      HOST: '127.0.0.1',
      JWT_SECRET: randomBytes(32).toString('hex'),
      ACCESS_TOKEN_TTL_SECONDS: '86400',
      MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1000000',
      LOG_LEVEL: 'warn',
    };
    try {
      return new World(database, storage, env, await startServer('tidemark', env));
    } catch (error) {
      await storage.dispose();
      throw error;
    }
  }

  /** The secret that signs Tidemark's tokens. */
  get jwtSecret(): string {
    return this.env.JWT_SECRET!;
  }

  /** The Tidemark under measurement. */
  get tidemark(): Server {
    return this.running;
  }

  /** Restarts Tidemark, for a process that has done no work yet. */
  async restart(): Promise<Server> {
    await this.running.remote[Symbol.asyncDispose]();
    return (this.running = await startServer('tidemark', this.env));
  }

  /** SQLite or PostgreSQL. */
  get label(): string {
    return this.database === 'sqlite' ? 'SQLite' : 'PostgreSQL';
  }

  /** The naive baseline on the same database. */
  naive(): Promise<Server> {
    return (this.servers.naive ??= startServer('naive', this.env));
  }

  /** The drivers alone on the same database. */
  raw(): Promise<Remote<RawCalls>> {
    return (this.servers.raw ??= Remote.start<RawCalls>('raw/main.ts', [], this.env));
  }

  /** Starts one more Tidemark on the same database. The caller disposes of it. */
  anotherTidemark(): Promise<Server> {
    return startServer('tidemark', this.env);
  }

  /** Makes an account with at least `rows` records, in whole games. */
  async newAccount(rows = 0): Promise<Account> {
    const device = await TestDevice.register(this.tidemark.url);
    const headers = { authorization: `Bearer ${device.accessToken}` };
    if (rows === 0) {
      const { body } = await device.pull();
      return { device, headers, clock: (body as { timestamp: number }).timestamp, rows };
    }
    const raw = await this.raw();
    return {
      device,
      headers,
      ...(await raw.call('seed', { accountId: device.accountId, games: gamesFor(rows) })),
    };
  }

  /** Stops every process and deletes the database; a second call is harmless. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.stopping ??= this.stop());
  }

  private async stop(): Promise<void> {
    const { naive, raw } = this.servers;
    await this.tidemark.remote[Symbol.asyncDispose]();
    await disposeAll([naive?.then(({ remote }) => remote), raw]);
    await this.storage.dispose();
  }
}

async function startServer(kind: 'tidemark' | 'naive', env: Record<string, string>): Promise<Server> {
  const remote = await Remote.start<ServerCalls>('server/main.ts', [kind], env);
  return { remote, url: await remote.call('url') };
}
