import BetterSqlite from 'better-sqlite3';
import type { SqlValue } from '../../src/foundation/database/database.js';
import { freshIds } from '../load/placeholder.js';
import type { RowsByTable } from '../rows.js';
import type { Statement } from '../server/recorder.js';
import type { RawDatabase } from './raw-database.js';
import { parametersOf, Substitution, type ReplayJob } from './replay.js';
import { columnsByTable, insertColumns, jsonStatement, seedStatements } from './statements.js';

/** The work of better-sqlite3 alone on Tidemark's file, with Tidemark's durability. */
export class RawSqlite implements RawDatabase {
  private readonly handle: BetterSqlite.Database;
  private readonly jsonStatements: BetterSqlite.Statement[];

  constructor(file: string) {
    this.handle = new BetterSqlite(file, { fileMustExist: true });
    this.handle.pragma('journal_mode = WAL');
    this.handle.pragma('synchronous = FULL');
    this.jsonStatements = Object.keys(columnsByTable).map((table) =>
      this.handle.prepare(jsonStatement('sqlite', table)),
    );
  }

  async seed(accountId: string, games: number): Promise<{ rows: number; clock: number }> {
    const { clock } = this.handle.prepare('SELECT clock FROM accounts WHERE id = ?').get(accountId) as {
      clock: number;
    };
    let count = 0;
    this.handle.transaction(() => {
      for (const { sql, rows } of seedStatements('sqlite', games)) {
        this.handle.prepare(sql).run({ 1: accountId, 2: clock + 1 });
        count += rows;
      }
      this.handle
        .prepare('UPDATE accounts SET clock = ?, row_count = row_count + ? WHERE id = ?')
        .run(clock + 1, count, accountId);
    })();
    this.handle.pragma('wal_checkpoint(TRUNCATE)');
    return { rows: count, clock: clock + 1 };
  }

  async readJson(accountId: string): Promise<Buffer[]> {
    return this.jsonStatements.map((statement) => (statement.get({ 1: accountId }) as { rows: Buffer }).rows);
  }

  async prepareInsert(accountId: string, stamp: number, rows: RowsByTable): Promise<() => Promise<void>> {
    const inserts = Object.entries(rows).map(([table, list]) => {
      const columns = columnsByTable[table]!;
      const places = Array.from({ length: columns.length + 3 }, () => '?').join();
      return {
        statement: this.handle.prepare(`INSERT INTO "${table}" (${insertColumns(table)}) VALUES (${places})`),
        values: list.map((row) => [accountId, stamp, 0, ...columns.map((column) => row[column])]),
      };
    });
    const run = this.handle.transaction(() => {
      for (const { statement, values } of inserts) for (const row of values) statement.run(row);
    });
    return async () => run();
  }

  /** Replays for one identity after another, as SQLite has one writer. */
  async replay({ recording, recorded, identities, seconds, run }: ReplayJob): Promise<number> {
    const nextId = freshIds(run);
    const substitutions = identities.map((identity) => new Substitution(recorded, identity));
    const before = recording.before.map((statement) => this.prepare(statement));
    const inside = recording.inTransaction.map((statement) => this.prepare(statement));
    const begin = this.handle.prepare('BEGIN IMMEDIATE');
    const commit = this.handle.prepare('COMMIT');
    const startedAt = performance.now();
    let count = 0;
    while (performance.now() < startedAt + seconds * 1_000) {
      const substitution = substitutions[count % substitutions.length]!;
      const freshId = nextId();
      for (const send of before) send(substitution, freshId);
      begin.run();
      for (const send of inside) send(substitution, freshId);
      commit.run();
      count++;
    }
    return (count / (performance.now() - startedAt)) * 1_000;
  }

  private prepare(recorded: Statement): (substitution: Substitution, freshId: string) => void {
    const order: number[] = [];
    const text = recorded.sql.replace(/\$(\d+)/g, (_, digits: string) => {
      order.push(Number(digits) - 1);
      return '?';
    });
    const statement = this.handle.prepare(text);
    const lists = parametersOf(recorded).map((params) => params.map(toSqlite));
    return (substitution, freshId) => {
      for (const params of lists) {
        const values = substitution.values(params, freshId);
        const ordered = order.map((index) => values[index]);
        if (statement.reader) statement.all(ordered);
        else statement.run(ordered);
      }
    };
  }
}

function toSqlite(value: SqlValue): SqlValue {
  return typeof value === 'boolean' ? Number(value) : value;
}
