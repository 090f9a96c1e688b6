import type { Database } from '@nozbe/watermelondb';
import { synchronize } from '@nozbe/watermelondb/sync/index.js';
import * as logging from '@nozbe/watermelondb/utils/common/logger/index.js';
import { fetchTransport } from '../../client/src/api/fetch-transport.js';
import type { SyncStatus } from '../../client/src/light/status.js';
import { Tidemark } from '../../client/src/tidemark.js';
import { parentsOf } from '../../src/protocol/schema.js';
import { schema } from '../../src/protocol/tables.js';
import { defaultOf } from '../support/default-of.js';
import type { TestDevice } from '../support/device.js';
import { deviceCredentials } from '../support/device-credentials.js';
import { openMemoryDatabase } from '../support/memory-database.js';
import { watermelonSchema } from '../support/watermelon-schema.js';
import type { Editor } from './edits.js';
import { valuesOf } from './recorder.js';
import type { Cell, LocalRows } from './local-rows.js';
import type { Watched } from './watch.js';

defaultOf(logging).silence();

interface LokiCollection {
  data: ({ id: string; _status: string; _changed: string } & Record<string, unknown>)[];
  on(events: string[], listener: () => void): void;
}

/** The app on one device, without its screens: its database, its sync, and a person who uses it. */
export class Client implements Watched {
  private tidemark!: Tidemark;
  private unsubscribe: () => void = () => undefined;
  private readonly statusListeners = new Set<(status: SyncStatus) => void>();
  private rowListener: () => void = () => undefined;
  private cachedRows: LocalRows | null = null;
  private clockErrorMs = 0;

  private constructor(
    readonly name: string,
    private readonly serverUrl: string,
    private readonly device: TestDevice,
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
    const { database, loki } = await openMemoryDatabase(watermelonSchema(schema));
    const collections = Object.keys(schema.tables).map((table): [string, LokiCollection] => [
      table,
      loki.getCollection(table),
    ]);
    const client = new Client(name, serverUrl, device, editor, database, collections);
    await client.startApp();
    return client;
  }

  readonly status = (): SyncStatus => this.tidemark.status.get();

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

  /** Lets the person decide to upload everything from this device, as the server's data was put back. */
  async uploadEverything(): Promise<void> {
    await this.tidemark.resolve('upload-everything');
  }

  setForeground(isForeground: boolean): void {
    this.tidemark.setForeground(isForeground);
  }

  setOnline(isOnline: boolean): void {
    this.tidemark.setOnline(isOnline);
  }

  /** Makes the device's wall clock wrong by so many milliseconds. */
  setClock(errorMs: number): void {
    this.clockErrorMs = errorMs;
  }

  /** Restarts the app. */
  async restartApp(): Promise<void> {
    await this.close();
    await this.startApp();
  }

  async close(): Promise<void> {
    await this.tidemark.stop();
    this.unsubscribe();
  }

  private async startApp(): Promise<void> {
    this.tidemark = await Tidemark.open({
      database: this.database,
      synchronize,
      serverUrl: this.serverUrl,
      device: { name: this.name, platform: 'node' },
      parents: parentsOf(schema),
      credentials: deviceCredentials(this.device),
      transport: fetchTransport,
      now: () => Date.now() + this.clockErrorMs,
    });
    this.unsubscribe = this.tidemark.status.subscribe((status) => {
      for (const listener of this.statusListeners) listener(status);
    });
    this.tidemark.start();
    this.tidemark.setForeground(true);
    this.tidemark.setOnline(true);
  }
}

function cellOf(table: string, raw: LokiCollection['data'][number]): Cell {
  const values = valuesOf(table, raw);
  if (raw._status === 'synced') return { values, unacknowledged: [] };
  if (raw._status !== 'updated') return { values, unacknowledged: 'row' };
  const names = Object.keys(schema.tables[table]!.columns);
  return { values, unacknowledged: raw._changed.split(',').map((name) => names.indexOf(name)) };
}
