import {
  Tidemark,
  type CredentialStore,
  type Credentials,
  type JoinWith,
  type SyncState,
  type SyncStatus,
  type Transport,
} from '@tidemark/client';
import { Q, type Database } from '@nozbe/watermelondb';
import type { Fields, Game, TableName } from '../../src/database/models';
import { parents, schema } from '../../src/database/schema';
import { describeRowsOf } from '../../src/games/describe-row';
import { synchronize } from '../../src/session/synchronize';
import { newDatabase } from './new-database';

const DEADLINE_MS = 30_000;

/** A row without WatermelonDB's own fields. */
export type PlainRow = { id: string } & Record<string, unknown>;

/** Keeps credentials in memory. */
export class MemoryCredentials implements CredentialStore {
  private credentials: Credentials | null = null;
  readonly read = async () => this.credentials;
  readonly write = async (credentials: Credentials) => void (this.credentials = credentials);
  readonly clear = async () => void (this.credentials = null);
}

/** One installation of the app without its screens: its database, session and sync. */
export class Phone implements AsyncDisposable {
  /** Every status so far, oldest first. */
  readonly statuses: SyncStatus[] = [];

  private constructor(
    readonly tidemark: Tidemark,
    readonly credentials: MemoryCredentials,
  ) {
    tidemark.status.subscribe((status) => this.statuses.push(status));
  }

  static async open(
    serverUrl: string,
    options: { name?: string; transport?: Transport; database?: Database } = {},
  ): Promise<Phone> {
    const credentials = new MemoryCredentials();
    const database = options.database ?? (await newDatabase());
    const tidemark = await Tidemark.open({
      database,
      synchronize,
      parents,
      credentials,
      transport: options.transport,
      serverUrl,
      device: { name: options.name ?? 'phone', platform: 'node' },
      describe: describeRowsOf(database),
    });
    const phone = new Phone(tidemark, credentials);
    tidemark.start();
    return phone;
  }

  get database(): Database {
    return this.tidemark.database;
  }

  get status(): SyncStatus {
    return this.tidemark.status.get();
  }

  /** Opens one more device of the same account, and waits until it is synced. */
  async pair(options: { name?: string } = {}): Promise<Phone> {
    const other = await Phone.open(this.tidemark.serverUrl, options);
    await other.join(this, 'start-fresh');
    return other;
  }

  /** Joins another phone's account. */
  async join(other: Phone, localData: JoinWith): Promise<void> {
    const { code } = await other.tidemark.pair();
    await this.tidemark.join(code, { localData });
    await this.reaches('synced');
  }

  /** Waits until this phone and another one are synced and have the same rows. */
  async isInStepWith(other: Phone): Promise<void> {
    await this.reaches('synced');
    await other.reaches('synced');
    await eventually(
      async () => JSON.stringify(await this.everything()) === JSON.stringify(await other.everything()),
      () => 'They hold different data.',
    );
  }

  /** Waits until the status has this state. */
  reaches(state: SyncState): Promise<void> {
    return eventually(
      () => this.status.state === state,
      () => `The light is ${JSON.stringify(this.status)}.`,
    );
  }

  /** Adds a row. @returns its id */
  create<N extends TableName>(table: N, fields: Partial<Fields<N>> & { id?: string }): Promise<string> {
    return this.database.write(async () => {
      const { id, ...columns } = fields;
      const record = await this.database.get(table).create((made) => {
        if (id !== undefined) made._raw.id = id;
        Object.assign(made, columns);
      });
      return record.id;
    });
  }

  update<N extends TableName>(table: N, id: string, fields: Partial<Fields<N>>): Promise<void> {
    return this.database.write(async () => {
      const record = await this.database.get(table).find(id);
      await record.update(() => void Object.assign(record, fields));
    });
  }

  remove(table: TableName, id: string): Promise<void> {
    return this.database.write(async () => (await this.database.get(table).find(id)).markAsDeleted());
  }

  /** Adds a game with two players and one round. @returns the game's id */
  async play(name: string): Promise<string> {
    const game = await this.create('games', { name });
    const ada = await this.create('game_players', { game_id: game, name: 'Ada', position: 0 });
    const bob = await this.create('game_players', { game_id: game, name: 'Bob', position: 1 });
    const round = await this.create('rounds', {
      game_id: game,
      round_number: 1,
      created_at: 1,
      caller_id: ada,
    });
    await this.create('scores', { round_id: round, player_id: ada, raw_score: 5, final_score: 5 });
    await this.create('scores', { round_id: round, player_id: bob, raw_score: 9, final_score: 9 });
    return game;
  }

  /** The names of the games, sorted. */
  async games(): Promise<(string | null)[]> {
    return (await this.database.get<Game>('games').query().fetch()).map(({ name }) => name).sort();
  }

  /** One row; undefined when it does not exist or is deleted. */
  async find(table: TableName, id: string): Promise<PlainRow | undefined> {
    return (await this.rows(table, Q.where('id', id)))[0];
  }

  /** Every row of every table, by id. */
  async everything(): Promise<Record<string, PlainRow[]>> {
    const entries = await Promise.all(
      Object.keys(schema.tables).map(async (table) => [table, await this.rows(table as TableName)] as const),
    );
    return Object.fromEntries(entries);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tidemark.close();
  }

  private async rows(table: TableName, ...clauses: Q.Clause[]): Promise<PlainRow[]> {
    const names = ['id', ...Object.keys(schema.tables[table]!.columns)];
    const raws: PlainRow[] = await this.database
      .get(table)
      .query(...clauses)
      .unsafeFetchRaw();
    return raws
      .map((raw) => Object.fromEntries(names.map((name) => [name, raw[name]])) as PlainRow)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** Polls until `holds` returns true. @throws Error with the explanation after 30 s */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  explain: () => string = () => 'It did not come to pass.',
): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(explain());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
