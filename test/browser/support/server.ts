import { startServer, type ServerProcess } from '../../support/server-process.js';
import { createStorage, type Storage } from '../../support/storage.js';

/** The environment variable by which a test run names its server. */
export const SHARED_SERVER_URL = 'TIDEMARK_TEST_SERVER';

/**
 * The server of the test run, for tests that need neither a stop nor options of their own: each person has their own
 * account.
 */
export function sharedServer(): { readonly url: string } {
  return { url: process.env[SHARED_SERVER_URL]! };
}

/** A real server with the built app, at one address for as long as a test lasts. */
export class Server implements AsyncDisposable {
  private readonly storages: Storage[] = [];

  private constructor(
    private process: ServerProcess,
    private storage: Storage,
    private readonly env: Record<string, string>,
  ) {
    this.storages.push(storage);
  }

  /** @param env options by their environment names */
  static async start(env: Record<string, string> = {}): Promise<Server> {
    const storage = await createStorage('sqlite');
    return new Server(await startServer({ storage, env }), storage, env);
  }

  get url(): string {
    return this.process.url;
  }

  /** Kills the process with SIGKILL. */
  async kill(): Promise<void> {
    await this.process.kill('SIGKILL');
  }

  /** Starts a killed server again, on its data and at its address. */
  async restart(): Promise<void> {
    this.process = await startServer({
      storage: this.storage,
      port: Number(new URL(this.url).port),
      env: this.env,
    });
  }

  /** Another server, without any data, takes over the address. */
  async replace(): Promise<void> {
    await this.kill();
    this.storage = await createStorage('sqlite');
    this.storages.push(this.storage);
    await this.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    for (const storage of this.storages) await storage.dispose();
  }
}
