import type { Database } from '@nozbe/watermelondb';
import type { Checkpoint, Timestamp } from '../../../src/protocol/sync.js';
import type { KnownHistory } from '../connection/connection.js';
import { newerOf } from '../light/checkpoint.js';
import { Mutex } from '../mutex.js';

// WatermelonDB's own keys: it writes how far it has pulled; we only read or remove them.
const LAST_PULLED_AT = '__watermelon_last_pulled_at';
const LAST_PULLED_SCHEMA_VERSION = '__watermelon_last_pulled_schema_version';
const HISTORY_ID = 'tidemark_history_id';
const CHECKPOINT = 'tidemark_checkpoint';
const LAST_SYNCED_AT = 'tidemark_last_synced_at';
const IS_REPLACED = 'tidemark_replace_on_first_pull';

/** The state of syncing, stored in the same database as the data it describes. */
export class LocalState {
  /** Keeps the notes of checkpoints in order, or a late one could outlive its history. */
  private readonly noting = new Mutex();

  constructor(private readonly database: Database) {}

  /** The stamp up to which the server's changes were pulled; null before the first pull. */
  async lastPulledAt(): Promise<Timestamp | null> {
    return Number(await this.database.adapter.getLocal(LAST_PULLED_AT)) || null;
  }

  /** The history the data belongs to; null before the first pull. */
  async historyId(): Promise<string | null> {
    if ((await this.lastPulledAt()) === null) return null;
    return (await this.database.localStorage.get<string>(HISTORY_ID)) ?? null;
  }

  /** Remembers the history that the first pull brought. */
  async setHistoryId(historyId: string): Promise<void> {
    await this.database.localStorage.set(HISTORY_ID, historyId);
  }

  /** The newest checkpoint that any answer told; null: none. */
  async checkpoint(): Promise<Checkpoint | null> {
    return (await this.database.localStorage.get<Checkpoint>(CHECKPOINT)) ?? null;
  }

  /** Remembers a checkpoint unless a newer one is known. @param told undefined: the server is older and told none */
  noteCheckpoint(told: Checkpoint | undefined): Promise<void> {
    return this.noting.run(async () => {
      const known = await this.checkpoint();
      const newest = newerOf(known, told);
      if (newest !== null && newest !== known) await this.database.localStorage.set(CHECKPOINT, newest);
    });
  }

  /** Resolves when every checkpoint told so far is stored. */
  noted(): Promise<void> {
    return this.noting.ended();
  }

  /** What the handshake tells. */
  async known(): Promise<KnownHistory> {
    return { historyId: await this.historyId(), checkpoint: await this.checkpoint() };
  }

  /** When a sync last worked, epoch ms; null: never. */
  async lastSyncedAt(): Promise<number | null> {
    return (await this.database.localStorage.get<number>(LAST_SYNCED_AT)) ?? null;
  }

  /** @param wall epoch ms */
  async setLastSyncedAt(wall: number): Promise<void> {
    await this.database.localStorage.set(LAST_SYNCED_AT, wall);
  }

  /** Whether the first pull replaces the synced rows instead of merging into them. */
  async isReplacedByFirstPull(): Promise<boolean> {
    return (await this.database.localStorage.get<boolean>(IS_REPLACED)) === true;
  }

  /** Makes the next pull a first pull. @param isReplaced whether that pull replaces the synced rows */
  async forgetHistory({ isReplaced }: { isReplaced: boolean }): Promise<void> {
    const { adapter, localStorage } = this.database;
    await localStorage.set(IS_REPLACED, isReplaced);
    await adapter.removeLocal(LAST_PULLED_AT);
    await adapter.removeLocal(LAST_PULLED_SCHEMA_VERSION);
    await localStorage.remove(HISTORY_ID);
    await this.noting.run(() => localStorage.remove(CHECKPOINT));
    await localStorage.remove(LAST_SYNCED_AT);
  }
}
