import type { Dialect } from '../../src/protocol/columns.js';
import { schema } from '../../src/protocol/tables.js';
import { PLAYERS, ROUNDS, SCATTER } from '../rows.js';

// The SQL of the raw limits. Parameters are written ?1, ?2, … or $1, $2, …, as the driver wants them.

const quote = (name: string): string => `"${name}"`;

/** The declared columns of every table, the id first. */
export const columnsByTable: Record<string, string[]> = Object.fromEntries(
  Object.entries(schema.tables).map(([table, { columns }]) => [table, ['id', ...Object.keys(columns)]]),
);

/**
 * Reads the rows of one account and table as one JSON array, in the fastest way of each database. Parameter: the
 * account.
 */
export function jsonStatement(dialect: Dialect, table: string): string {
  const values = Object.entries(schema.tables[table]!.columns).map(
    ([name, column]): [name: string, sql: string] => [name, column.project(dialect, quote(name))],
  );
  const rowsOf = `FROM ${quote(table)} WHERE account_id = ${dialect === 'sqlite' ? '?1' : '$1'} AND NOT is_deleted`;
  if (dialect === 'sqlite') {
    const pairs = [['id', 'id'], ...values].map(([name, sql]) => `'${name}', ${sql}`).join(', ');
    return `SELECT CAST(json_group_array(json_object(${pairs})) AS BLOB) AS rows ${rowsOf}`;
  }
  const members = [['id', 'to_json(id)::text'], ...values].map(([name, sql]) => `"${name}":' || ${sql}`);
  return `SELECT '[' || coalesce(string_agg('{${members.join(` || ',`)} || '}', ','), '') || ']' AS rows ${rowsOf}`;
}

/** The columns that an insert fills, in the order of its parameters. */
export function insertColumns(table: string): string {
  return ['account_id', 'last_modified', 'is_deleted', ...columnsByTable[table]!].map(quote).join(', ');
}

/**
 * Inserts games with all rows below them, table by table.
 * @returns statements with two parameters, account and stamp, and the number of rows that each inserts
 */
export function seedStatements(dialect: Dialect, games: number): { sql: string; rows: number }[] {
  const [account, stamp] = dialect === 'sqlite' ? ['?1', '?2'] : ['$1::text', '$2::bigint'];
  const id = (letter: string, n: string): string => {
    const scattered = `((${n}) * ${SCATTER}) % 4294967296`;
    const hex = dialect === 'sqlite' ? `printf('%08x', ${scattered})` : `lpad(to_hex(${scattered}), 8, '0')`;
    return `'${letter}' || '0000000' || ${hex}`;
  };
  const startedAt = '1790000000000';
  const values: Record<string, [rows: number, values: string[]]> = {
    games: [games, [id('g', 'n'), "'Friday evening'", '100', "'finished'", 'NULL', startedAt, startedAt]],
    game_players: [
      games * PLAYERS,
      [id('p', 'n'), id('g', `n / ${PLAYERS}`), `'Player ' || (n % ${PLAYERS})`, `n % ${PLAYERS}`, 'n % 500'],
    ],
    rounds: [
      games * ROUNDS,
      [id('r', 'n'), id('g', `n / ${ROUNDS}`), `n % ${ROUNDS} + 1`, 'NULL', `${startedAt} + n`],
    ],
    scores: [
      games * ROUNDS * PLAYERS,
      [
        id('s', 'n'),
        id('r', `n / ${PLAYERS}`),
        id('p', `n / ${ROUNDS * PLAYERS} * ${PLAYERS} + n % ${PLAYERS}`),
        ...['n % 50', '0', 'n % 50', 'n % 500'],
      ],
    ],
  };
  return Object.entries(values).map(([table, [rows, list]]) => ({
    rows,
    sql: `INSERT INTO ${quote(table)} (${insertColumns(table)})
      SELECT ${account}, ${stamp}, false, ${list.join(', ')} FROM ${numbers(dialect, rows)} ORDER BY 4`,
  }));
}

function numbers(dialect: Dialect, count: number): string {
  return dialect === 'sqlite'
    ? `(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${count}) SELECT n FROM numbers)`
    : `generate_series(0::bigint, ${count} - 1) AS numbers(n)`;
}
