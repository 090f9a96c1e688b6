import { Q, type Database } from '@nozbe/watermelondb';
import type { PushAnswer, Rejection } from '../../../src/protocol/sync.js';
import type { IdsByTable, LocalChanges, SyncedTables } from './synced-tables.js';

const KEY = 'tidemark_refused';
const DELETION = 'deleted';

interface Refusal extends Rejection {
  /** The refused content; the row is pushed again only when its content has changed. */
  content: string;
}

/**
 * The rows that the server refused for good. WatermelonDB keeps them unsynced and would push them at every sync; we
 * hold them back until the user has changed them.
 */
export class Refusals {
  private refusals: Refusal[] = [];

  constructor(
    private readonly database: Database,
    private readonly tables: SyncedTables,
  ) {}

  async load(): Promise<void> {
    this.refusals = (await this.database.localStorage.get<Refusal[]>(KEY)) ?? [];
  }

  async clear(): Promise<void> {
    await this.save([]);
  }

  /** Removes rows that were refused with the same content from a push. `heldBack`: `experimentalRejectedIds`'s form. */
  holdBack(changes: LocalChanges): { rest: LocalChanges; heldBack: IdsByTable } {
    const rest: LocalChanges = {};
    const heldBack: IdsByTable = {};
    for (const [table, { created, updated, deleted }] of Object.entries(changes)) {
      const isRefused = (id: string, content: string): boolean => {
        const isHeld = this.refusals.some(
          (one) => one.table === table && one.id === id && one.content === content,
        );
        if (isHeld) (heldBack[table] ??= []).push(id);
        return isHeld;
      };
      rest[table] = {
        created: created.filter((raw) => !isRefused(raw.id as string, this.tables.contentOf(table, raw))),
        updated: updated.filter((raw) => !isRefused(raw.id as string, this.tables.contentOf(table, raw))),
        deleted: deleted.filter((id) => !isRefused(id, DELETION)),
      };
    }
    return { rest, heldBack };
  }

  /** Remembers which pushed rows the server refused, and forgets refusals of rows that it has now accepted. */
  async note(pushed: LocalChanges, answer: PushAnswer): Promise<void> {
    const refused: Refusal[] = [];
    for (const [table, { created, updated, deleted }] of Object.entries(pushed)) {
      const ids = new Set(answer.experimentalRejectedIds?.[table]);
      const note = (id: string, content: string): void => {
        if (!ids.has(id)) return;
        const rejection = answer.rejected?.find((one) => one.table === table && one.id === id);
        refused.push({ table, id, reason: rejection?.reason ?? 'TABLE_UNKNOWN', content });
      };
      for (const raw of [...created, ...updated]) note(raw.id as string, this.tables.contentOf(table, raw));
      for (const id of deleted) note(id, DELETION);
    }
    const wasPushed = ({ table, id }: Rejection): boolean => {
      const changes = pushed[table];
      if (!changes) return false;
      return (
        changes.deleted.includes(id) || [...changes.created, ...changes.updated].some((raw) => raw.id === id)
      );
    };
    const kept = this.refusals.filter((refusal) => !wasPushed(refusal));
    if (refused.length > 0 || kept.length < this.refusals.length) await this.save([...kept, ...refused]);
  }

  /** The refusals that still apply: the row exists here, unsynced, with the refused content. */
  async inEffect(): Promise<Rejection[]> {
    if (this.refusals.length === 0) return [];
    const held = await Promise.all(this.refusals.map((refusal) => this.holds(refusal)));
    return this.refusals
      .filter((_, index) => held[index])
      .map(({ table, id, reason }) => ({ table, id, reason }));
  }

  private async holds({ table, id, content }: Refusal): Promise<boolean> {
    const collection = this.database.collections.map[table];
    if (!collection) return false;
    if (content === DELETION) return (await this.database.adapter.getDeletedRecords(table)).includes(id);
    const [raw] = await collection.query(Q.where('id', id)).unsafeFetchRaw();
    return raw !== undefined && raw._status !== 'synced' && this.tables.contentOf(table, raw) === content;
  }

  private async save(refusals: Refusal[]): Promise<void> {
    this.refusals = refusals;
    await this.database.localStorage.set(KEY, refusals);
  }
}
