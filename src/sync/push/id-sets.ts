/** Sets of record ids by table. */
export class IdSets {
  private readonly sets = new Map<string, Set<string>>();

  /** The number of ids in all tables. */
  get size(): number {
    let size = 0;
    for (const set of this.sets.values()) size += set.size;
    return size;
  }

  /** @returns whether the id is new to the set */
  add(table: string, id: string): boolean {
    let set = this.sets.get(table);
    if (!set) this.sets.set(table, (set = new Set()));
    if (set.has(id)) return false;
    set.add(id);
    return true;
  }

  /** Whether the table's set holds the id. */
  has(table: string, id: string): boolean {
    return this.sets.get(table)?.has(id) ?? false;
  }

  /** The ids of one table. */
  of(table: string): ReadonlySet<string> {
    return this.sets.get(table) ?? new Set();
  }

  /** The tables that have ids, with their ids. */
  tables(): [table: string, ids: ReadonlySet<string>][] {
    return [...this.sets];
  }
}
