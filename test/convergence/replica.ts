import { setTimeout as sleep } from 'node:timers/promises';
import type { Query, Reply, TestDevice } from '../support/device.js';
import type { Changes, RawRow } from './ledger.js';

/** Every live row by table, sorted by id: equal for two holders of the same data. */
export type Snapshot = Record<string, RawRow[]>;

/** How often a pull is repeated when the server is too busy; each refusal says how long to wait. */
const PULL_RETRIES = 5;

/** The answer to a first pull of the account. */
export interface FirstPull {
  timestamp: number;
  rows: Snapshot;
}

/** Sorts rows by id, as in a snapshot. */
export function sortedById<R extends { id: string }>(rows: Iterable<R>): R[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/**
 * A client reduced to the protocol: it keeps rows in maps, applies every pull to them and remembers only the last
 * `timestamp`. A change that a pull skips is missing here for ever, so a replica proves that none was skipped.
 */
export class Replica {
  lastPulledAt = 0;
  #tables = new Map<string, Map<string, RawRow>>();

  constructor(readonly device: TestDevice) {}

  /**
   * Pulls what is new and applies it.
   * @throws Error when the answer breaks the protocol: a stamp that decreases, an id that occurs twice
   */
  async pull(): Promise<void> {
    const asked = this.lastPulledAt;
    const reply = await this.#askPatiently(asked > 0 ? { last_pulled_at: asked } : {});
    if (reply.status !== 200)
      throw new Error(`A pull was answered ${reply.status} ${JSON.stringify(reply.body)}`);
    const { timestamp, changes } = reply.body as { timestamp: number; changes: Changes };
    if (!(timestamp >= asked && timestamp > 0))
      throw new Error(`timestamp fell from ${asked} to ${timestamp}.`);
    for (const [table, { created = [], updated = [], deleted = [] }] of Object.entries(changes)) {
      const seen = new Set([...[...created, ...updated].map((row) => row.id), ...deleted]);
      if (seen.size !== created.length + updated.length + deleted.length) {
        throw new Error(`One pull names an id of ${table} twice.`);
      }
      if (asked === 0 && deleted.length > 0) throw new Error(`A first pull lists deleted ${table}.`);
      const rows = this.#table(table);
      for (const row of updated) rows.set(row.id, row);
      for (const row of created) rows.set(row.id, row);
      for (const id of deleted) rows.delete(id);
    }
    this.lastPulledAt = timestamp;
  }

  /** Pushes changes based on the last pull. */
  push(changes: Changes): Promise<Reply> {
    return this.device.push(changes, this.lastPulledAt);
  }

  get(table: string, id: string): RawRow | undefined {
    return this.#table(table).get(id);
  }

  snapshot(): Snapshot {
    return Object.fromEntries([...this.#tables].map(([table, rows]) => [table, sortedById(rows.values())]));
  }

  /** An account may have few snapshots open at once: in a crowd the server may refuse a device for a while. */
  async #askPatiently(query: Query): Promise<Reply> {
    let reply = await this.device.pull(query);
    for (let retry = 0; reply.status === 503 && retry < PULL_RETRIES; retry += 1) {
      await sleep(Number(reply.headers.get('retry-after')) * 1_000);
      reply = await this.device.pull(query);
    }
    return reply;
  }

  #table(name: string): Map<string, RawRow> {
    let rows = this.#tables.get(name);
    if (!rows) this.#tables.set(name, (rows = new Map<string, RawRow>()));
    return rows;
  }
}

/** The server's data: a first pull. */
export async function firstPull(device: TestDevice): Promise<FirstPull> {
  const replica = new Replica(device);
  await replica.pull();
  return { timestamp: replica.lastPulledAt, rows: replica.snapshot() };
}

/** Lets a device use another address of the same server, or another server on the same database. */
export function redirect(device: TestDevice, url: string): TestDevice {
  return Object.assign(device, { url });
}

/** The same device, as a client of another server on the same database. */
export function through(device: TestDevice, url: string): TestDevice {
  const copy = Object.create(Object.getPrototypeOf(device) as object) as TestDevice;
  return redirect(Object.assign(copy, device), url);
}

/** Describes the first difference between two snapshots; undefined when they are equal. */
export function difference(expected: Snapshot, actual: Snapshot): string | undefined {
  for (const table of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const wanted = new Map((expected[table] ?? []).map((row) => [row.id, row]));
    const found = new Map((actual[table] ?? []).map((row) => [row.id, row]));
    for (const [id, row] of wanted) {
      const other = found.get(id);
      if (!other) return `${table}/${id} is missing`;
      for (const column of new Set([...Object.keys(row), ...Object.keys(other)])) {
        if (row[column] === other[column]) continue;
        const [was, is] = [JSON.stringify(row[column]), JSON.stringify(other[column])];
        return `${table}/${id}.${column} should be ${was} and is ${is}`;
      }
    }
    const extra = [...found.keys()].find((id) => !wanted.has(id));
    if (extra !== undefined) return `${table}/${extra} should not be there`;
  }
  return undefined;
}
