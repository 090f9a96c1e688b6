import type { Transaction } from '../../foundation/database/database.js';
import { inPieces } from '../../foundation/flow/in-pieces.js';
import type { Schema } from '../../protocol/schema.js';
import { IdSets } from './id-sets.js';
import type { LiveRow, Merge } from './merge.js';
import type { RecordsRepository } from '../records.repository.js';

/** One owning reference: deleting a row of `parent` deletes the rows of `table` whose `column` names it. */
export interface OwningReference {
  table: string;
  column: string;
  parent: string;
}

/**
 * Carries deletions down the owning references, after the push's own rows are merged (BE push 11): a deleted parent
 * overrules every row below it, pushed or stored. Moves such rows of `merge` from `live` to `deleted`.
 */
export async function cascade(
  tx: Transaction,
  accountId: string,
  schema: Schema,
  merge: Merge,
  records: RecordsRepository,
): Promise<void> {
  const owningReferences = owningReferencesOf(schema);
  const isPushed = (table: string, id: string) => merge.live.get(table)?.has(id) || merge.dead.has(table, id);

  const kill = (table: string, id: string, next: IdSets) => {
    merge.live.get(table)!.delete(id);
    merge.dead.add(table, id);
    merge.deleted.add(table, id);
    merge.rejected.push({ table, id, reason: 'PARENT_DELETED' });
    next.add(table, id);
  };

  // Earlier cascades deleted the stored rows below older tombstones, so only pushed rows can still name those parents.
  const children = await indexByParent(merge, owningReferences);
  let frontier = await deletedParents(tx, accountId, owningReferences, children, isPushed, records);
  for (const [table, ids] of merge.dead.tables())
    for await (const piece of inPieces(ids)) for (const id of piece) frontier.add(table, id);

  while (frontier.size > 0) {
    const next = new IdSets();
    for (const reference of owningReferences) {
      const { table, column, parent } = reference;
      const parents = frontier.of(parent);
      if (parents.size === 0) continue;
      const newlyDeleted: string[] = [];
      for await (const piece of inPieces(parents))
        for (const parentId of piece) {
          if (merge.deleted.has(parent, parentId)) newlyDeleted.push(parentId);
          for await (const some of inPieces(children.get(reference)?.get(parentId) ?? []))
            for (const id of some) if (merge.live.get(table)!.has(id)) kill(table, id, next);
        }
      const below = await records.listLiveIdsByParent(tx, accountId, table, column, newlyDeleted);
      for await (const piece of inPieces(below))
        for (const id of piece) {
          if (!isPushed(table, id) && merge.deleted.add(table, id)) next.add(table, id);
        }
    }
    frontier = next;
  }
}

/** Every owning reference in the declaration. */
export function owningReferencesOf(schema: Schema): OwningReference[] {
  return Object.entries(schema.tables).flatMap(([table, { columns }]) =>
    Object.entries(columns)
      .filter(([, column]) => column.isParent)
      .map(([column, { references }]) => ({ table, column, parent: references! })),
  );
}

type ChildIndex = Map<OwningReference, Map<string, string[]>>;

/** The pushed rows below each parent. */
async function indexByParent(merge: Merge, owningReferences: OwningReference[]): Promise<ChildIndex> {
  const index: ChildIndex = new Map();
  for (const reference of owningReferences) {
    const byParent = new Map<string, string[]>();
    const rows = merge.live.get(reference.table) ?? new Map<string, LiveRow>();
    for await (const piece of inPieces(rows))
      for (const [id, { row }] of piece) {
        const parentId = row[reference.column] as string;
        const siblings = byParent.get(parentId);
        if (siblings) siblings.push(id);
        else byParent.set(parentId, [id]);
      }
    index.set(reference, byParent);
  }
  return index;
}

/** The stored tombstones among the parents of pushed rows, leaving out parents that are in the push too. */
async function deletedParents(
  tx: Transaction,
  accountId: string,
  owningReferences: OwningReference[],
  children: ChildIndex,
  isPushed: (table: string, id: string) => boolean | undefined,
  records: RecordsRepository,
): Promise<IdSets> {
  const named = new IdSets();
  for (const reference of owningReferences) {
    for await (const piece of inPieces(children.get(reference)!.keys()))
      for (const parentId of piece) {
        if (!isPushed(reference.parent, parentId)) named.add(reference.parent, parentId);
      }
  }
  const dead = new IdSets();
  for (const [table, ids] of named.tables()) {
    const tombstones = await records.listTombstones(tx, accountId, table, ids);
    for await (const piece of inPieces(tombstones)) for (const id of piece) dead.add(table, id);
  }
  return dead;
}
