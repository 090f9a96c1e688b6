import { isDeepStrictEqual } from 'node:util';
import type { PhoneRow } from '../test/support/phone.js';
import { runningTotals, type PaperGame } from './season.js';

/** Every row of a device or of the server, by table, sorted by id. */
export type Records = Record<string, PhoneRow[]>;

/** What differs between two sets of records, a line each: nothing when they are equal. */
export function differences(left: Records, right: Records): string[] {
  const found: string[] = [];
  for (const table of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const [ours, theirs] = [byId(left[table]), byId(right[table])];
    for (const id of new Set([...ours.keys(), ...theirs.keys()])) {
      const [one, other] = [ours.get(id), theirs.get(id)];
      if (!one || !other) found.push(`${table}/${id} exists on one side only`);
      else if (!isDeepStrictEqual(one, other)) {
        const columns = Object.keys({ ...one, ...other }).filter((name) => one[name] !== other[name]);
        found.push(
          `${table}/${id}: ${columns.map((c) => `${c} ${String(one[c])} ≠ ${String(other[c])}`).join(', ')}`,
        );
      }
    }
  }
  return found;
}

/**
 * Points of every player after each round, computed from the scores in the order of the rounds
 * (`round_number`, `created_at`, `id`).
 * @returns player id → running totals
 */
export function computeTotals(records: Records): Map<string, number[]> {
  const scoresByRound = groupBy(records.scores, 'round_id');
  const rounds = [...(records.rounds ?? [])].sort(
    (a, b) =>
      Number(a.round_number) - Number(b.round_number) ||
      Number(a.created_at) - Number(b.created_at) ||
      (a.id < b.id ? -1 : 1),
  );
  const totals = new Map<string, number[]>((records.game_players ?? []).map(({ id }) => [id, []]));
  for (const round of rounds) {
    for (const score of scoresByRound.get(round.id) ?? []) {
      const before = totals.get(String(score.player_id)) ?? [];
      totals.set(String(score.player_id), [...before, (before.at(-1) ?? 0) + Number(score.final_score)]);
    }
  }
  return totals;
}

/** What differs between the records and the sheets of paper, a line each. */
export function compareWithPaper(records: Records, season: PaperGame[]): string[] {
  const totals = computeTotals(records);
  const games = byId(records.games);
  const found = season.flatMap((game) => {
    const stored = games.get(game.id);
    if (!stored) return [`${game.name}: missing`];
    const faults: string[] = [];
    if (stored.name !== game.name) faults.push(`${game.name}: is named ${String(stored.name)}`);
    if (stored.target_score !== game.target)
      faults.push(`${game.name}: target ${String(stored.target_score)}`);
    const paper = runningTotals(game);
    for (const [seat, player] of game.seats.entries()) {
      const onPaper = paper.map((round) => round[seat]!);
      if (!isDeepStrictEqual(totals.get(player.id), onPaper)) {
        faults.push(
          `${game.name}: ${player.name} has ${totals.get(player.id)?.join(' ')}, on paper ${onPaper.join(' ')}`,
        );
      }
    }
    return faults;
  });
  const extra = games.size - season.length;
  if (extra !== 0) found.push(`${games.size} games instead of ${season.length}`);
  return found;
}

/** Rows whose owner is not there. */
export function findOrphans(records: Records): string[] {
  const owners: [table: string, column: string, owner: string][] = [
    ['game_players', 'game_id', 'games'],
    ['rounds', 'game_id', 'games'],
    ['scores', 'round_id', 'rounds'],
    ['scores', 'player_id', 'game_players'],
  ];
  return owners.flatMap(([table, column, owner]) => {
    const ids = byId(records[owner]);
    return (records[table] ?? [])
      .filter((row) => !ids.has(String(row[column])))
      .map(({ id }) => `${table}/${id}`);
  });
}

/** How many stored snapshots (`current_total`) say something else than the scores. */
export function countWrongSnapshots(records: Records): number {
  const totals = computeTotals(records);
  return (records.game_players ?? []).filter(
    ({ id, current_total }) => totals.get(id)?.at(-1) !== current_total,
  ).length;
}

/** The season's table, best first: player, games, won, points, a game, best, worst. */
export function standings(records: Records): (string | number)[][] {
  const totals = computeTotals(records);
  const players = groupBy(records.game_players, 'name');
  const winners = new Set((records.games ?? []).map(({ winner_id }) => winner_id));
  return [...players]
    .map(([name, seats]) => {
      const points = seats.map(({ id }) => totals.get(id)?.at(-1) ?? 0);
      const sum = points.reduce((a, b) => a + b, 0);
      const won = seats.filter(({ id }) => winners.has(id)).length;
      return [
        name,
        seats.length,
        won,
        sum,
        Math.round(sum / seats.length),
        Math.min(...points),
        Math.max(...points),
      ];
    })
    .sort((a, b) => Number(b[2]) - Number(a[2]) || Number(a[3]) - Number(b[3]));
}

function byId(rows: PhoneRow[] = []): Map<string, PhoneRow> {
  return new Map(rows.map((row) => [row.id, row]));
}

function groupBy(rows: PhoneRow[] = [], column: string): Map<string, PhoneRow[]> {
  const groups = new Map<string, PhoneRow[]>();
  for (const row of rows) {
    const key = String(row[column]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
