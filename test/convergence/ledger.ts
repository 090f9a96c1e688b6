import type { Schema } from '../../src/protocol/schema.js';

export type Values = Record<string, unknown>;
export type RawRow = Values & { id: string };
export interface TableChanges {
  created: RawRow[];
  updated: RawRow[];
  deleted: string[];
}
export type Changes = Record<string, Partial<TableChanges>>;

interface Entry {
  readonly table: string;
  readonly id: string;
  readonly values: Values;
  readonly isDeleted: boolean;
  /** The account's clock when the row last changed. */
  readonly stamp: number;
}

/** The state that a push requests for one id; its last mention counts. */
interface Wish {
  readonly table: string;
  readonly id: string;
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly values: Values;
}

/** The answer to a push that the contract requires. */
export type Verdict =
  | { status: 409; code: 'PUSH_CONFLICT' | 'PULL_REQUIRED'; conflicts: string[] }
  | {
      status: 200;
      timestamp: number;
      /** Rows that the server did not store as pushed: overruled by a deletion, or refused. */
      rejected: string[];
      /** Those among them that the client must keep as unsynced. */
      refused: string[];
      cascaded: number;
    };

/** The required contents of a pull. */
export interface PullContents {
  tables: Record<string, { updated: RawRow[]; deleted: string[] }>;
  isReplacement: boolean;
}

const keyOf = (table: string, id: string): string => `${table}/${id}`;

/**
 * The contract as plain sequential code: the records of one account after each push, and the contents of each pull.
 * It uses no database, transaction or SQL, so it shares no mistake with the server.
 */
export class Ledger {
  #entries = new Map<string, Entry>();
  /** Deletions up to here may be forgotten: a pull from before gets a replacement. */
  #horizon = 0;

  constructor(
    readonly schema: Schema,
    public clock: number,
  ) {}

  /** Applies a push made at `now` on the server's machine. @returns the required answer */
  push(changes: Changes, lastPulledAt: number, now: number): Verdict {
    if (lastPulledAt < this.#horizon) return { status: 409, code: 'PULL_REQUIRED', conflicts: [] };
    const wishes = this.#wishes(changes);
    const refused = [...wishes].filter(([, wish]) => this.#isTooLong(wish)).map(([key]) => key);
    for (const key of refused) wishes.delete(key);
    const conflicts = [...wishes].filter(([key, wish]) => this.#isConflict(key, wish, lastPulledAt));
    if (conflicts.length > 0) {
      return { status: 409, code: 'PUSH_CONFLICT', conflicts: conflicts.map(([key]) => key).sort() };
    }

    const timestamp = Math.max(now, this.clock + 1);
    const writes = new Map<string, Entry>();
    const rejected = new Set<string>(refused);
    for (const [key, wish] of wishes) {
      const stored = this.#entries.get(key);
      if (stored?.isDeleted && wish.kind === 'updated') rejected.add(key);
      const entry = this.#granted(stored, wish, timestamp);
      if (entry) writes.set(key, entry);
    }
    const cascaded = this.#cascade(writes, timestamp);
    for (const key of cascaded) if (wishes.get(key)?.kind !== 'deleted' && wishes.has(key)) rejected.add(key);

    for (const [key, entry] of writes) this.#entries.set(key, entry);
    if (writes.size > 0) this.clock = timestamp;
    return {
      status: 200,
      timestamp: this.clock,
      rejected: [...rejected].sort(),
      refused: refused.sort(),
      cascaded: cascaded.length,
    };
  }

  /** The required contents of a pull; 0 is a first pull. A replacement contains all live rows. */
  pull(lastPulledAt: number): PullContents {
    const isReplacement = lastPulledAt > 0 && lastPulledAt < this.#horizon;
    const tables: PullContents['tables'] = {};
    for (const table of Object.keys(this.schema.tables)) tables[table] = { updated: [], deleted: [] };
    for (const { table, id, values, isDeleted, stamp } of this.#entries.values()) {
      if (stamp <= lastPulledAt && !isReplacement) continue;
      if (!isDeleted) tables[table]?.updated.push({ id, ...values });
      else if (lastPulledAt > 0) tables[table]?.deleted.push(id);
    }
    return { tables, isReplacement };
  }

  /** Forgets the deletions stamped before `cutoff`. @returns which ones */
  purge(cutoff: number): string[] {
    const due = [...this.#entries].filter(([, { isDeleted, stamp }]) => isDeleted && stamp < cutoff);
    for (const [key, { stamp }] of due) {
      this.#entries.delete(key);
      this.#horizon = Math.max(this.#horizon, stamp);
    }
    return due.map(([key]) => key);
  }

  /** The live rows of one table. */
  live(table: string): RawRow[] {
    return this.pull(0).tables[table]?.updated ?? [];
  }

  /** The ids of one table that were deleted, directly or with their parent. */
  deleted(table: string): string[] {
    return [...this.#entries.values()].filter((e) => e.table === table && e.isDeleted).map((e) => e.id);
  }

  #wishes(changes: Changes): Map<string, Wish> {
    const wishes = new Map<string, Wish>();
    for (const [table, { created = [], updated = [], deleted = [] }] of Object.entries(changes)) {
      const columns = this.schema.tables[table]?.columns ?? {};
      for (const [kind, rows] of [['created', created] as const, ['updated', updated] as const]) {
        for (const { id, ...rest } of rows) {
          const values = Object.fromEntries(Object.entries(rest).filter(([name]) => name in columns));
          wishes.set(keyOf(table, id), { table, id, kind, values });
        }
      }
      for (const id of deleted) wishes.set(keyOf(table, id), { table, id, kind: 'deleted', values: {} });
    }
    return wishes;
  }

  #isTooLong({ table, values }: Wish): boolean {
    return Object.entries(this.schema.tables[table]?.columns ?? {}).some(
      ([name, { maxLength = Infinity }]) =>
        typeof values[name] === 'string' && values[name].length > maxLength,
    );
  }

  #isConflict(key: string, wish: Wish, lastPulledAt: number): boolean {
    const stored = this.#entries.get(key);
    if (!stored || stored.stamp <= lastPulledAt) return false;
    return stored.isDeleted !== (wish.kind === 'deleted') || this.#differs(stored, wish);
  }

  #differs(stored: Entry, wish: Wish): boolean {
    return Object.entries(wish.values).some(([name, value]) => stored.values[name] !== value);
  }

  /** The row after a wish, parents left aside; undefined: nothing changes. */
  #granted(stored: Entry | undefined, wish: Wish, stamp: number): Entry | undefined {
    const { table, id, kind } = wish;
    if (kind === 'deleted') {
      return stored?.isDeleted ? undefined : { table, id, values: {}, isDeleted: true, stamp };
    }
    // An update of a deleted row leaves it deleted; the new stamp brings the deletion to the device that pushed.
    if (stored?.isDeleted && kind === 'updated') return { ...stored, stamp };
    if (stored && !stored.isDeleted && !this.#differs(stored, wish)) return undefined;
    const base = stored && !stored.isDeleted ? stored.values : this.#defaults(table);
    return { table, id, values: { ...base, ...wish.values }, isDeleted: false, stamp };
  }

  /** Deletes every live row below a deleted parent, however deep. */
  #cascade(writes: Map<string, Entry>, stamp: number): string[] {
    const cascaded: string[] = [];
    for (let before = -1; before !== cascaded.length;) {
      before = cascaded.length;
      for (const [key, entry] of new Map([...this.#entries, ...writes])) {
        if (entry.isDeleted || !this.#hasDeletedOwner(entry, writes)) continue;
        writes.set(key, { ...entry, values: {}, isDeleted: true, stamp });
        cascaded.push(key);
      }
    }
    return cascaded;
  }

  #hasDeletedOwner({ table, values }: Entry, writes: Map<string, Entry>): boolean {
    return Object.entries(this.schema.tables[table]?.columns ?? {}).some(([name, column]) => {
      if (!column.isParent) return false;
      const key = keyOf(column.references as string, values[name] as string);
      return (writes.get(key) ?? this.#entries.get(key))?.isDeleted ?? false;
    });
  }

  #defaults(table: string): Values {
    const columns = Object.entries(this.schema.tables[table]?.columns ?? {});
    return Object.fromEntries(columns.map(([name, column]) => [name, column.defaultValue]));
  }
}
