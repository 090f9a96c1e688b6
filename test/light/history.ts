import type { ColumnValue } from '../../src/protocol/columns.js';

/** A row's values in the order of the declaration. */
export type Values = readonly ColumnValue[];

/** One write of one row by the server. */
export interface LoggedWrite {
  /** The account's clock value of the push; all rows of one push have the same. */
  stamp: number;
  /** `table/id`. */
  key: string;
  /** Null: the row was deleted. */
  values: Values | null;
}

interface Entry {
  version: number;
  values: Values | null;
}

/** Every state of an account's records on the server: version 0 is empty, each push made the next. */
export class History {
  /** The beginning of each version, epoch ms of the server's clock; the first is 0. */
  readonly stamps: number[] = [0];
  readonly #entries = new Map<string, Entry[]>();

  /** @param writes in the order of their stamps */
  constructor(writes: Iterable<LoggedWrite>) {
    for (const { stamp, key, values } of writes) {
      if (stamp < this.stamps.at(-1)!) throw new Error(`The stamp ${stamp} of ${key} comes too late.`);
      if (stamp > this.stamps.at(-1)!) this.stamps.push(stamp);
      const entries = this.#entries.get(key) ?? [];
      if (entries.length === 0) this.#entries.set(key, entries);
      entries.push({ version: this.last, values });
    }
  }

  /** The newest version. */
  get last(): number {
    return this.stamps.length - 1;
  }

  /** The version that was the newest at a time, epoch ms. */
  versionAt(time: number): number {
    let version = this.last;
    while (version > 0 && this.stamps[version]! > time) version -= 1;
    return version;
  }

  /** `table/id` of every row that ever existed. */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** A row's values in a version; null: deleted, or not created yet. */
  valuesAt(key: string, version: number): Values | null {
    return this.#entries.get(key)?.findLast((entry) => entry.version <= version)?.values ?? null;
  }

  /** When a row was first written with values that `isMeant` accepts, epoch ms; null: never. */
  firstWrite(key: string, isMeant: (values: Values | null) => boolean): number | null {
    const entry = this.#entries.get(key)?.find(({ values }) => isMeant(values));
    return entry ? this.stamps[entry.version]! : null;
  }
}
