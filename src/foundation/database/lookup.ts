import { Batcher } from '../flow/batcher.js';
import type { Database } from './database.js';

/** Beyond this many rows all are forgotten: on a server without commits, nothing else would clear them. */
const MAX_KNOWN = 10_000;

/**
 * Reads single rows for many concurrent callers, never stale ones. On SQLite, where this process makes all commits, a
 * row is cached until the next commit. On PostgreSQL nothing is cached: calls made while a statement runs are answered
 * together by the next statement.
 */
export class Lookup<R extends object> {
  /** Rows read since the last commit; null: no such row. */
  private readonly known = new Map<string, R | null>();
  private knownAt = -1;
  private readonly batches = new Batcher((keys: string[][]) => this.readMany(keys));
  private readonly selectOne: string;
  private readonly selectMany: string;

  /**
   * @param keys how many texts form a row's key
   * @param select makes the SELECT of one row, from one SQL expression per text of its key
   */
  constructor(
    private readonly database: Database,
    keys: number,
    select: (...key: string[]) => string,
  ) {
    const names = Array.from({ length: keys }, (_, index) => `k${index}`);
    this.selectOne = select(...names.map((_, index) => `$${index + 1}`));
    // The lateral LIMIT makes the planner use the primary keys whatever its table statistics say. Rows come as JSON,
    // which is parsed faster than the driver reads columns.
    this.selectMany = `SELECT k."n" AS "n", row_to_json(r) AS "row"
      FROM json_to_recordset($1::json) AS k ("n" integer, ${names.map((name) => `${name} text`).join(', ')})
      CROSS JOIN LATERAL (${select(...names.map((name) => `k.${name}`))} LIMIT 1) AS r`;
  }

  /** Reads a row as committed at the time of the call; null: no such row. The key's texts must not contain `/`. */
  async find(...key: string[]): Promise<R | null> {
    const { commits } = this.database;
    if (commits === null) return this.batches.ask(key);
    const known = this.recall(...key);
    if (known !== undefined) return known;
    if (commits !== this.knownAt || this.known.size >= MAX_KNOWN) {
      this.known.clear();
      this.knownAt = commits;
    }
    const [row = null] = await this.database.query<R>(this.selectOne, key);
    if (this.knownAt === commits && this.database.commits === commits) this.known.set(nameOf(key), row);
    return row;
  }

  /** The row if it was read since the last commit (null: there is none); undefined: it must be read. */
  recall(...key: string[]): R | null | undefined {
    return this.database.commits === this.knownAt ? this.known.get(nameOf(key)) : undefined;
  }

  private async readMany(keys: string[][]): Promise<(R | null)[]> {
    const distinct = new Map(keys.map((key) => [nameOf(key), key]));
    const named = [...distinct.values()].map((key, n) => ({
      n,
      ...Object.fromEntries(key.map((text, index) => [`k${index}`, text])),
    }));
    const rows = await this.database.query<{ n: number; row: R }>(this.selectMany, [JSON.stringify(named)]);
    const names = [...distinct.keys()];
    const found = new Map(rows.map(({ n, row }) => [names[n], row]));
    return keys.map((key) => found.get(nameOf(key)) ?? null);
  }
}

function nameOf(key: string[]): string {
  return key.join('/');
}
