import { Q, type Database } from '@nozbe/watermelondb';
import type { SyncConflictResolver } from '@nozbe/watermelondb/sync/index.js';
import * as logging from '@nozbe/watermelondb/utils/common/logger/index.js';
import { TidemarkSync } from '../../examples/watermelondb/sync.js';
import type { ColumnValue } from '../../src/protocol/columns.js';
import { columnsAt, tablesAt, type Schema } from '../../src/protocol/schema.js';
import { schema as declaredSchema } from '../../src/protocol/tables.js';
import { defaultOf } from './default-of.js';
import { TestDevice } from './device.js';
import { deviceCredentials } from './device-credentials.js';
import { openMemoryDatabase, type MemoryDatabase } from './memory-database.js';
import { Network } from './network.js';
import { watermelonSchema } from './watermelon-schema.js';

/** A row as an app sees it: the columns of its schema version, without WatermelonDB's own fields. */
export type PhoneRow = { id: string } & Record<string, ColumnValue>;

/** Columns to write; what a new row leaves out takes its declared default. */
export type Fields = Readonly<Record<string, ColumnValue>>;

/** What syncs a phone's database with the server. */
export type PhoneSync = Pick<TidemarkSync, 'sync' | 'createPairingCode'>;

/** What a `PhoneSync` is made from. */
export interface PhoneSyncParts {
  database: Database;
  device: TestDevice;
  network: Network;
  /** The declaration that the database was made from. */
  schema: Schema;
  conflictResolver?: SyncConflictResolver;
}

export interface PhoneOptions {
  name?: string;
  /** The declaration the app was built with. */
  schema?: Schema;
  /** The schema version the app was built at; default: the declaration's. */
  version?: number;
  /** The device this phone is; default: a new one on a new account. */
  device?: TestDevice;
  conflictResolver?: SyncConflictResolver;
  /** Default: the code of our example. */
  makeSync?: (parts: PhoneSyncParts) => PhoneSync;
}

// WatermelonDB logs what it considers a bug of the server, and continues. Here the sync fails instead.
const complaints: string[] = [];
const logger = defaultOf(logging) as unknown as Record<string, (...messages: unknown[]) => void>;
logger.debug = logger.log = () => undefined;
logger.warn = logger.error = (...messages) => complaints.push(messages.map(String).join(' '));

/** One installation of an app: a real WatermelonDB database in memory. */
export class Phone {
  /** The network between this phone and the server. */
  readonly network: Network;
  private opened!: MemoryDatabase & { client: PhoneSync };

  private constructor(
    readonly name: string,
    readonly device: TestDevice,
    private options: PhoneOptions,
  ) {
    this.network = new Network(device.url);
  }

  /** Installs the app and signs it in; nothing is synced yet. */
  static async open(url: string, options: PhoneOptions = {}): Promise<Phone> {
    const name = options.name ?? 'phone';
    const device = options.device ?? (await TestDevice.register(url, { name, platform: 'node' }));
    const phone = new Phone(name, device, options);
    await phone.start();
    return phone;
  }

  get database(): Database {
    return this.opened.database;
  }

  get client(): PhoneSync {
    return this.opened.client;
  }

  /** The declared tables that this phone's version knows, parents first. */
  get tables(): string[] {
    return this.declared().map(([name]) => name);
  }

  /** Installs the same app on one more device of this account, paired by a code. */
  async pair(options: PhoneOptions = {}): Promise<Phone> {
    const { code } = await this.client.createPairingCode();
    const { schema, version, makeSync } = this.options;
    const name = options.name ?? 'phone';
    const device = await TestDevice.register(this.network.url, {
      name,
      platform: 'node',
      pairing_code: code,
    });
    return Phone.open(this.network.url, { schema, version, makeSync, ...options, device });
  }

  /** Pulls and pushes. @throws SyncError, or Error with the complaint of WatermelonDB */
  async sync(): Promise<void> {
    await this.client.sync();
    if (complaints.length > 0) throw new Error(`WatermelonDB complained: ${complaints.splice(0).join('\n')}`);
  }

  /** Restarts the app on its saved data, possibly as a newer release. */
  async restart(update: Pick<PhoneOptions, 'schema' | 'version' | 'conflictResolver'> = {}): Promise<void> {
    const { loki } = this.opened;
    await new Promise<void>((resolve, reject) => {
      loki.saveDatabase((error?: Error) => (error ? reject(error) : resolve()));
    });
    // A newer declaration has its own version, unless the update names one.
    if (update.schema) this.options = { ...this.options, version: undefined };
    this.options = { ...this.options, ...update };
    await this.start(loki.persistenceAdapter);
  }

  /** Adds one row. @returns its id, made by WatermelonDB unless given */
  async create(table: string, fields: Fields, id?: string): Promise<string> {
    const [created] = await this.createAll(table, [id === undefined ? fields : { ...fields, id }]);
    return created!;
  }

  /** Adds rows in one write. @returns their ids */
  createAll(table: string, rows: readonly Fields[]): Promise<string[]> {
    const collection = this.database.get(table);
    const defaults = Object.fromEntries(
      this.columns(table).map(([name, column]) => [name, column.defaultValue]),
    );
    return this.database.write(async () => {
      const records = rows.map(({ id, ...fields }) =>
        collection.prepareCreate((record) => {
          if (typeof id === 'string') record._raw.id = id;
          for (const [name, value] of Object.entries({ ...defaults, ...fields })) record._setRaw(name, value);
        }),
      );
      await this.database.batch(records);
      return records.map((record) => record.id);
    });
  }

  /** Changes columns of one row. @throws when it is not there */
  update(table: string, id: string, fields: Fields): Promise<void> {
    return this.database.write(async () => {
      const record = await this.database.get(table).find(id);
      await record.update(() => {
        for (const [name, value] of Object.entries(fields)) record._setRaw(name, value);
      });
    });
  }

  /** Deletes one row, to be pushed with the next sync; the rows below it stay until the server's cascade arrives. */
  delete(table: string, id: string): Promise<void> {
    return this.database.write(async () => {
      const record = await this.database.get(table).find(id);
      await record.markAsDeleted();
    });
  }

  /** One row; null: it does not exist or is deleted. */
  async find(table: string, id: string): Promise<PhoneRow | null> {
    return (await this.fetch(table, [Q.where('id', id)]))[0] ?? null;
  }

  /** Every row of a table, sorted by id. */
  async rows(table: string): Promise<PhoneRow[]> {
    return (await this.fetch(table, [])).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Every row of every table, sorted by id. */
  async everything(): Promise<Record<string, PhoneRow[]>> {
    const entries = await Promise.all(
      this.tables.map(async (table) => [table, await this.rows(table)] as const),
    );
    return Object.fromEntries(entries);
  }

  /** How many local changes the server has not acknowledged, deletions included. */
  async unsyncedCount(): Promise<number> {
    const { loki } = this.opened;
    return this.tables.reduce(
      (count, table) => count + loki.getCollection(table).count({ _status: { $ne: 'synced' } }),
      0,
    );
  }

  /** The `last_pulled_at` that the next pull will send, or null before the first. */
  async lastPulledAt(): Promise<number | null> {
    return Number(await this.database.adapter.getLocal('__watermelon_last_pulled_at')) || null;
  }

  private async start(savedDatabase?: unknown): Promise<void> {
    const opened = await openMemoryDatabase(watermelonSchema(this.schema, this.version), savedDatabase);
    const { makeSync = exampleSync, conflictResolver } = this.options;
    const { device, network, schema } = this;
    const client = makeSync({ database: opened.database, device, network, schema, conflictResolver });
    this.opened = { ...opened, client };
  }

  private async fetch(table: string, conditions: Q.Clause[]): Promise<PhoneRow[]> {
    const names = ['id', ...this.columns(table).map(([name]) => name)];
    const raws: PhoneRow[] = await this.database.get(table).query(conditions).unsafeFetchRaw();
    return raws.map((raw) => Object.fromEntries(names.map((name) => [name, raw[name]])) as PhoneRow);
  }

  private get schema(): Schema {
    return this.options.schema ?? declaredSchema;
  }

  private get version(): number {
    return this.options.version ?? this.schema.version;
  }

  private declared() {
    return tablesAt(this.schema, this.version);
  }

  private columns(table: string) {
    const declaration = this.schema.tables[table];
    if (!declaration) throw new Error(`This phone knows no table "${table}".`);
    return columnsAt(declaration, this.version);
  }
}

function exampleSync({ database, device, network, conflictResolver }: PhoneSyncParts): PhoneSync {
  // The device keeps the tokens, so that plain requests and syncs of a phone always use the same ones.
  const credentials = deviceCredentials(device);
  return new TidemarkSync({
    database,
    url: 'http://server/api/v1', // the network adds the origin
    store: {
      read: async () => {
        const stored = (await credentials.read())!;
        return {
          account_id: stored.accountId,
          device_id: stored.deviceId,
          access_token: stored.accessToken,
          refresh_token: stored.refreshToken,
          expires_at: stored.expiresAt,
        };
      },
      write: async (session) => {
        device.accessToken = session.access_token;
        device.refreshToken = session.refresh_token;
      },
    },
    conflictResolver,
    fetch: network.fetch,
  });
}
