import type { Database, SqlValue, Transaction } from '../../src/foundation/database/database.js';

/** One statement of a request: sent once with `params`, or once for each of `rows`. */
export type Statement = { sql: string; params: SqlValue[] } | { sql: string; rows: SqlValue[][] };

/** The statements of a request, in order. */
export interface Recording {
  /** Statements outside any transaction. */
  before: Statement[];
  inTransaction: Statement[];
}

/**
 * Records the statements that `work` sends to a database, so that the drivers alone can send them again. Works for one
 * request with one transaction at a time.
 */
export async function record(database: Database, work: () => Promise<unknown>): Promise<Recording> {
  const recording: Recording = { before: [], inTransaction: [] };
  const { query, transaction } = database;
  database.query = function (sql, params) {
    recording.before.push({ sql, params: [...(params ?? [])] });
    return query.call(this, sql, params) as never;
  };
  database.transaction = function (inside) {
    return transaction.call(this, (tx) => inside(listenTo(tx, recording.inTransaction))) as never;
  };
  try {
    await work();
  } finally {
    Object.assign(database, { query, transaction });
  }
  return recording;
}

function listenTo(tx: Transaction, statements: Statement[]): Transaction {
  return {
    dialect: tx.dialect,
    query: (sql, params) => {
      statements.push({ sql, params: [...(params ?? [])] });
      return tx.query(sql, params);
    },
    executeEach: (sql, rows) => {
      const kept = Array.from(rows, (row) => [...row]);
      statements.push({ sql, rows: kept });
      tx.executeEach(sql, kept);
    },
  };
}
