import type { Schema } from '../../src/protocol/schema.js';
import type { Reply } from '../support/device.js';
import { Ledger, type Changes, type RawRow, type Values, type Verdict } from './ledger.js';
import { difference, sortedById, type Snapshot } from './replica.js';

interface PullBody {
  timestamp: number;
  experimentalStrategy?: string;
  changes: Record<string, { created: unknown[]; updated: { id: string }[]; deleted: string[] }>;
}
interface PushBody {
  timestamp: number;
  code?: string;
  conflicts?: { table: string; id: string }[];
  rejected?: { table: string; id: string; reason: string }[];
  experimentalRejectedIds?: Record<string, string[]>;
}

const keysOf = (list: { table: string; id: string }[] = []): string[] =>
  list.map(({ table, id }) => `${table}/${id}`).sort();

const listed = (ids: Record<string, string[]> = {}): { table: string; id: string }[] =>
  Object.entries(ids).flatMap(([table, all]) => all.map((id) => ({ table, id })));

/**
 * Sees every request that reaches the server, in the order of the answers, and compares each answer with the contract.
 * Besides the ledger it keeps the contents of each accepted push, as a second opinion.
 */
export class Referee {
  readonly ledger: Ledger;
  readonly counts = {
    pulls: 0,
    replacements: 0,
    accepted: 0,
    refused: 0,
    rejectedRows: 0,
    refusedRows: 0,
    cascadedRows: 0,
    purgedRows: 0,
  };
  /** `table/id` → the values of the last accepted push that carried them. */
  #carried = new Map<string, Values>();
  /** Every row that was ever deleted, by an accepted push or with its parent. */
  #deleted = new Set<string>();

  constructor(
    readonly schema: Schema,
    clock: number,
  ) {
    this.ledger = new Ledger(schema, clock);
  }

  /** @throws Error when the answer has a row too many or too few, a wrong value or a wrong `timestamp` */
  judgePull(lastPulledAt: number, reply: Reply): void {
    this.counts.pulls += 1;
    if (reply.status !== 200)
      throw new Error(`A pull was answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    const { timestamp, changes, experimentalStrategy } = reply.body as PullBody;
    if (timestamp !== this.ledger.clock) {
      throw new Error(`A pull should answer timestamp ${this.ledger.clock} and answers ${timestamp}.`);
    }
    const { tables: wanted, isReplacement } = this.ledger.pull(lastPulledAt);
    if (isReplacement) this.counts.replacements += 1;
    if (experimentalStrategy !== (isReplacement ? 'replacement' : undefined)) {
      throw new Error(`A pull since ${lastPulledAt} has the strategy ${experimentalStrategy}.`);
    }
    for (const table of Object.keys(this.schema.tables)) {
      const found = changes[table];
      if (!found || found.created.length > 0)
        throw new Error(`A pull has no ${table}, or some in "created".`);
      const rows = difference(
        { [table]: sortedById(wanted[table]?.updated ?? []) },
        { [table]: sortedById(found.updated) },
      );
      if (rows) throw new Error(`A pull since ${lastPulledAt} is wrong: ${rows}.`);
      if (new Set(found.updated.map((row) => row.id)).size !== found.updated.length) {
        throw new Error(`A pull names an id of ${table} twice.`);
      }
      const [tombstones, deleted] = [wanted[table]?.deleted ?? [], found.deleted].map((ids) =>
        [...ids].sort().join(),
      );
      if (tombstones !== deleted) {
        throw new Error(
          `A pull since ${lastPulledAt} should delete ${table} [${tombstones}], not [${deleted}].`,
        );
      }
    }
  }

  /** @throws Error when the answer is not the one that the contract requires */
  judgePush(changes: Changes, lastPulledAt: number, now: number, reply: Reply): Verdict {
    const body = reply.body as PushBody;
    const verdict = this.ledger.push(changes, lastPulledAt, now);
    const found =
      reply.status === 200
        ? {
            status: 200,
            timestamp: body.timestamp,
            rejected: keysOf(body.rejected),
            refused: keysOf(listed(body.experimentalRejectedIds)),
          }
        : { status: reply.status, code: body.code, conflicts: keysOf(body.conflicts) };
    const { cascaded: _, ...wanted } = { cascaded: 0, ...verdict };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) {
      throw new Error(`A push should be answered ${JSON.stringify(wanted)}, not ${JSON.stringify(found)}.`);
    }
    if (verdict.status === 200) this.#accept(changes, verdict);
    else this.counts.refused += 1;
    return verdict;
  }

  /**
   * Checks the server's data at the end: every column has the value of the last accepted push that contained it, only
   * deleted rows are gone, and no row lives below a deleted parent.
   */
  judgeEnd(rows: Snapshot): void {
    const live = new Map<string, RawRow>(
      Object.entries(rows).flatMap(([table, all]) => all.map((row) => [`${table}/${row.id}`, row])),
    );
    for (const [key, values] of this.#carried) {
      const row = live.get(key);
      if (!row) throw new Error(`${key} was accepted, never deleted since, and is gone.`);
      for (const [column, value] of Object.entries(values)) {
        if (row[column] === value) continue;
        throw new Error(
          `${key}.${column} was last pushed as ${JSON.stringify(value)}: ${JSON.stringify(row)}`,
        );
      }
    }
    for (const [key, row] of live) {
      if (!this.#carried.has(key))
        throw new Error(`${key} lives, though nobody pushed it since it was deleted.`);
      const grave = this.#ownersOf(key, row).find((owner) => this.#deleted.has(owner) && !live.has(owner));
      if (grave) throw new Error(`${key} lives below ${grave}, which is deleted.`);
    }
  }

  /** The server has forgotten the deletions before `cutoff`. */
  notePurge(cutoff: number): void {
    const purged = this.ledger.purge(cutoff);
    this.counts.purgedRows += purged.length;
    // From now on nobody knows these rows, so references to them name unknown rows.
    for (const key of purged) this.#deleted.delete(key);
  }

  #accept(changes: Changes, { rejected, refused, cascaded }: Extract<Verdict, { status: 200 }>): void {
    this.counts.accepted += 1;
    this.counts.rejectedRows += rejected.length - refused.length;
    this.counts.refusedRows += refused.length;
    this.counts.cascadedRows += cascaded;
    for (const [table, { created = [], updated = [] }] of Object.entries(changes)) {
      const columns = this.schema.tables[table]?.columns ?? {};
      for (const row of [...created, ...updated]) {
        const carried = Object.entries(row).filter(([name]) => name in columns);
        const key = `${table}/${row.id}`;
        if (refused.includes(key)) continue;
        this.#carried.set(key, { ...this.#carried.get(key), ...Object.fromEntries(carried) });
      }
    }
    // A row that was refused because of its parent counts as deleted, and so do its children.
    for (const key of rejected) if (!refused.includes(key)) this.#bury(key);
    for (const [table, { deleted = [] }] of Object.entries(changes)) {
      for (const id of deleted) this.#bury(`${table}/${id}`);
    }
  }

  /** Forgets a row and all rows below it. */
  #bury(key: string): void {
    this.#deleted.add(key);
    this.#carried.delete(key);
    for (const [other, values] of this.#carried) {
      if (this.#ownersOf(other, values).includes(key)) this.#bury(other);
    }
  }

  #ownersOf(key: string, values: Values): string[] {
    const columns = this.schema.tables[key.slice(0, key.indexOf('/'))]?.columns ?? {};
    return Object.entries(columns)
      .filter(([name, column]) => column.isParent && typeof values[name] === 'string')
      .map(([name, column]) => `${column.references}/${values[name] as string}`);
  }
}
