import type { Transaction } from '../../foundation/database/database.js';
import { yieldToEventLoop } from '../../foundation/flow/yield-to-event-loop.js';
import type { Schema } from '../../protocol/schema.js';
import { IdSets } from './id-sets.js';
import type { LiveRow, Merge } from './merge.js';
import type { RecordsRepository } from '../records.repository.js';

/** One owning reference: rows of `table` die with the row of `owner` that `column` names. */
export interface Ownership {
  table: string;
  column: string;
  owner: string;
}

/**
 * Carries deletions down the owning references, once the push's own rows are in (BE push 11): a deleted owner beats
 * everything below it, pushed or stored. Moves such rows of `merge` from `live` to `deleted`.
 */
export async function cascade(
  tx: Transaction,
  accountId: string,
  schema: Schema,
  merge: Merge,
  records: RecordsRepository,
): Promise<void> {
  const ownerships = ownershipsOf(schema);
  const isPushed = (table: string, id: string) => merge.live.get(table)?.has(id) || merge.dead.has(table, id);

  const kill = (table: string, id: string, next: IdSets) => {
    merge.live.get(table)!.delete(id);
    merge.dead.add(table, id);
    merge.deleted.add(table, id);
    merge.rejected.push({ table, id, reason: 'PARENT_DELETED' });
    next.add(table, id);
  };

  // Owners deleted long ago can only be named by pushed rows: nothing stored lives below them.
  const children = await indexByOwner(merge, ownerships);
  let frontier = await deletedOwners(tx, accountId, ownerships, children, isPushed, records);
  for (const [table, ids] of merge.dead.tables()) for (const id of ids) frontier.add(table, id);

  while (frontier.size > 0) {
    const next = new IdSets();
    for (const ownership of ownerships) {
      const { table, column, owner } = ownership;
      const owners = frontier.of(owner);
      if (owners.size === 0) continue;
      for (const ownerId of owners) {
        for (const id of children.get(ownership)?.get(ownerId) ?? []) {
          if (merge.live.get(table)!.has(id)) kill(table, id, next);
        }
      }
      const newlyDeleted = [...owners].filter((id) => merge.deleted.has(owner, id));
      for (const id of await records.listLiveIdsByOwner(tx, accountId, table, column, newlyDeleted)) {
        if (!isPushed(table, id) && merge.deleted.add(table, id)) next.add(table, id);
      }
    }
    frontier = next;
  }
}

/** Every owning reference of the declaration. */
export function ownershipsOf(schema: Schema): Ownership[] {
  return Object.entries(schema.tables).flatMap(([table, { columns }]) =>
    Object.entries(columns)
      .filter(([, column]) => column.isOwner)
      .map(([column, { references }]) => ({ table, column, owner: references! })),
  );
}

type ChildIndex = Map<Ownership, Map<string, string[]>>;

/** The pushed rows below each owner. */
async function indexByOwner(merge: Merge, ownerships: Ownership[]): Promise<ChildIndex> {
  const index: ChildIndex = new Map();
  for (const ownership of ownerships) {
    await yieldToEventLoop();
    const byOwner = new Map<string, string[]>();
    for (const [id, { row }] of merge.live.get(ownership.table) ?? new Map<string, LiveRow>()) {
      const ownerId = row[ownership.column] as string;
      const siblings = byOwner.get(ownerId);
      if (siblings) siblings.push(id);
      else byOwner.set(ownerId, [id]);
    }
    index.set(ownership, byOwner);
  }
  return index;
}

/** The tombstones among the owners that pushed rows name and that are not part of the push themselves. */
async function deletedOwners(
  tx: Transaction,
  accountId: string,
  ownerships: Ownership[],
  children: ChildIndex,
  isPushed: (table: string, id: string) => boolean | undefined,
  records: RecordsRepository,
): Promise<IdSets> {
  const named = new IdSets();
  for (const ownership of ownerships) {
    for (const ownerId of children.get(ownership)!.keys()) {
      if (!isPushed(ownership.owner, ownerId)) named.add(ownership.owner, ownerId);
    }
  }
  const dead = new IdSets();
  for (const [table, ids] of named.tables()) {
    for (const id of await records.listTombstones(tx, accountId, table, [...ids])) dead.add(table, id);
  }
  return dead;
}
