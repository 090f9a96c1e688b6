import { startApp, type DatabaseName, type TestApp } from './app.js';
import type { TestDevice } from './device.js';
import { moveTo } from './exchange.js';
import { TestClock } from './shared-app.js';
import { copyStorage, createStorage, type Storage } from './storage.js';

/** A server whose data can be put back behind its back, as by a volume snapshot. Its devices follow its restarts. */
export class RewindableServer implements AsyncDisposable {
  app!: TestApp;
  readonly devices: TestDevice[] = [];
  private readonly storages: Storage[] = [];

  private constructor(
    private readonly database: DatabaseName,
    private readonly env: Record<string, string>,
    readonly clock: TestClock,
  ) {}

  /** Starts it on empty data. @param env options by their environment names */
  static async start(database: DatabaseName, env: Record<string, string> = {}): Promise<RewindableServer> {
    const server = new RewindableServer(database, env, new TestClock());
    await server.run(await createStorage(database));
    return server;
  }

  /** Registers devices of one new account; each has pulled once. */
  async newDevices(count: number): Promise<TestDevice[]> {
    const first = await this.app.newDevice();
    const all = [first];
    while (all.length < count) all.push(await first.pair());
    this.devices.push(...all);
    return all;
  }

  /** Copies the data as they are now. @param change what to do with the data while no server runs */
  async save(change?: (storage: Storage) => Promise<unknown>): Promise<Storage> {
    const { storage } = this.app;
    await this.app.stop();
    await change?.(storage);
    const saved = await copyStorage(storage);
    this.storages.push(saved);
    await this.run(storage);
    return saved;
  }

  /** Puts earlier data back. */
  async goBackTo(saved: Storage): Promise<void> {
    await this.app.stop();
    await this.run(await copyStorage(saved));
  }

  /** Moves the clock; access tokens live for a year. */
  pass(ms: number): void {
    this.clock.ms += ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.stop();
    for (const storage of this.storages) await storage.dispose();
  }

  private async run(storage: Storage): Promise<void> {
    if (!this.storages.includes(storage)) this.storages.push(storage);
    const env = { ACCESS_TOKEN_TTL_SECONDS: '31536000', ...this.env };
    this.app = await startApp(this.database, { storage, now: this.clock.now, env });
    for (const device of this.devices) moveTo(device, this.app.url);
  }
}
