import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Database } from '@nozbe/watermelondb';
import { modelClasses } from '../../mobile/src/database/models.js';
import { migrations, schema as appSchema } from '../../mobile/src/database/schema.js';
import type { Credentials } from '../../client/src/api/credentials.js';
import { fetchTransport } from '../../client/src/api/fetch-transport.js';
import type { SyncStatus } from '../../client/src/light/status.js';
import { Sync } from '../../client/src/records/sync.js';
import { schema } from '../../src/protocol/tables.js';
import type { TestDevice } from '../support/device.js';
import type { Editor } from './edits.js';
import { valuesOf } from './recorder.js';
import type { Cell, LocalRows } from './local-rows.js';
import type { Watched } from './watch.js';

// The copy of WatermelonDB that the app's code loads: the app may have one of its own.
const requireFromApp = createRequire(join(process.cwd(), 'mobile', 'package.json'));
const watermelon = requireFromApp('@nozbe/watermelondb') as typeof import('@nozbe/watermelondb');
const { default: LokiJSAdapter } = requireFromApp('@nozbe/watermelondb/adapters/lokijs') as {
  default: new (options: object) => Database['adapter']['underlyingAdapter'] & {
    _driver: { loki: { getCollection(name: string): LokiCollection } };
  };
};
const { default: logger } = requireFromApp('@nozbe/watermelondb/utils/common/logger') as {
  default: { silence(): void };
};
logger.silence();

interface LokiCollection {
  data: ({ id: string; _status: string; _changed: string } & Record<string, unknown>)[];
  on(events: string[], listener: () => void): void;
}

/** The app on one device, without its screens: its database, its sync, and a person who uses it. */
export class Client implements Watched {
  private sync!: Sync;
  private unsubscribe: () => void = () => undefined;
  private readonly statusListeners = new Set<(status: SyncStatus) => void>();
  private rowListener: () => void = () => undefined;
  private cachedRows: LocalRows | null = null;
  private clockErrorMs = 0;

  private constructor(
    readonly name: string,
    private readonly serverUrl: string,
    private credentials: Credentials | null,
    readonly editor: Editor,
    private readonly database: Database,
    private readonly collections: [table: string, LokiCollection][],
  ) {
    for (const [, collection] of collections) {
      collection.on(['insert', 'update', 'delete'], () => {
        this.cachedRows = null;
        this.rowListener();
      });
    }
  }

  /** Installs the app for a registered device, which has not synced yet. */
  static async open(name: string, serverUrl: string, device: TestDevice, editor: Editor): Promise<Client> {
    const adapter = new LokiJSAdapter({
      schema: appSchema,
      migrations,
      useWebWorker: false,
      useIncrementalIndexedDB: true,
      extraLokiOptions: { autosave: false },
    });
    const database = new watermelon.Database({ adapter, modelClasses });
    await database.adapter.getLocal('anything'); // answered once the database is set up
    const { loki } = adapter._driver;
    const collections = Object.keys(schema.tables).map((table): [string, LokiCollection] => [
      table,
      loki.getCollection(table),
    ]);
    const client = new Client(name, serverUrl, credentialsOf(device), editor, database, collections);
    client.startApp();
    return client;
  }

  readonly status = (): SyncStatus => this.sync.status.get();

  subscribe(listener: (status: SyncStatus) => void): () => void {
    this.statusListeners.add(listener);
    return () => this.statusListeners.delete(listener);
  }

  onRows(listener: () => void): void {
    this.rowListener = listener;
  }

  lastEditAt(): number {
    return this.editor.lastAt;
  }

  rows(): LocalRows {
    this.cachedRows ??= new Map(
      this.collections.flatMap(([table, { data }]) =>
        data.map((raw) => [`${table}/${raw.id}`, cellOf(table, raw)] as const),
      ),
    );
    return this.cachedRows;
  }

  /** Lets the person do something. @returns its description */
  edit(): Promise<string> {
    return this.editor.edit(this.database);
  }

  setForeground(isForeground: boolean): void {
    this.sync.setForeground(isForeground);
  }

  setOnline(isOnline: boolean): void {
    this.sync.setOnline(isOnline);
  }

  /** Makes the device's wall clock wrong by so many milliseconds. */
  setClock(errorMs: number): void {
    this.clockErrorMs = errorMs;
  }

  /** Restarts the app. */
  async restartApp(): Promise<void> {
    await this.close();
    this.startApp();
  }

  async close(): Promise<void> {
    await this.sync.stop();
    this.unsubscribe();
  }

  private startApp(): void {
    this.sync = new Sync({
      database: this.database,
      serverUrl: this.serverUrl,
      credentials: {
        read: () => Promise.resolve(this.credentials),
        write: (credentials) => Promise.resolve(void (this.credentials = credentials)),
        clear: () => Promise.resolve(void (this.credentials = null)),
      },
      transport: fetchTransport,
      now: () => Date.now() + this.clockErrorMs,
    });
    this.unsubscribe = this.sync.status.subscribe((status) => {
      for (const listener of this.statusListeners) listener(status);
    });
    this.sync.start();
    this.sync.setForeground(true);
    this.sync.setOnline(true);
  }
}

function cellOf(table: string, raw: LokiCollection['data'][number]): Cell {
  const values = valuesOf(table, raw);
  if (raw._status === 'synced') return { values, unacknowledged: [] };
  if (raw._status !== 'updated') return { values, unacknowledged: 'row' };
  const names = Object.keys(schema.tables[table]!.columns);
  return { values, unacknowledged: raw._changed.split(',').map((name) => names.indexOf(name)) };
}

function credentialsOf({ accountId, deviceId, accessToken, refreshToken }: TestDevice): Credentials {
  const payload = Buffer.from(accessToken.split('.')[1]!, 'base64url').toString();
  const { exp } = JSON.parse(payload) as { exp: number };
  return { accountId, deviceId, accessToken, refreshToken, expiresAt: exp * 1000 };
}
