import type { GameRecords, GameRow, PlayerRow, RoundRow, ScoreRow } from './records';

/** One player's points in one round. */
export interface Entry {
  raw: number;
  bonus: number;
  /** Raw and bonus together. */
  final: number;
  /** The player's total after the round. */
  total: number;
}

/** One round with everyone's points and totals. */
export interface ScoredRound {
  id: string;
  /** Its place in the game, 1-based; differs from `round_number` when two devices added a round at once. */
  number: number;
  /** The player who called (ended) the round; null: no caller was noted. */
  callerId: string | null;
  /** By player id; a player without a score in this round is missing. */
  entries: ReadonlyMap<string, Entry>;
}

/** Where one player stands after the last round. */
export interface Standing {
  player: PlayerRow;
  /** Place in the running order, 0-based. */
  seat: number;
  total: number;
  /** 1 is the highest total; equal totals share a rank. */
  rank: number;
  /** Whether the total is the highest and somebody has less. */
  isLeader: boolean;
  /** The points of the last round; null: no score in it. */
  lastChange: number | null;
}

/** A game computed from its scores; the stored totals are not used. */
export interface Scoresheet {
  /** In running order. */
  players: PlayerRow[];
  rounds: ScoredRound[];
  /** Highest total first, equal totals in running order. */
  standings: Standing[];
  /** Null: the game goes on. */
  winner: PlayerRow | null;
}

/** Computes a game: its rounds in order, everyone's totals, and who has won. */
export function scoresheet({ game, players: rows, rounds: roundRows, scores }: GameRecords): Scoresheet {
  const players = inRunningOrder(rows);
  const scoresByRound = new Map(roundRows.map((round) => [round.id, [] as ScoreRow[]]));
  for (const score of scores) scoresByRound.get(score.round_id)?.push(score);
  const totals = new Map(players.map((player) => [player.id, 0]));
  let winner: PlayerRow | null = null;

  const rounds = [...roundRows].sort(compareRounds).map((round, index): ScoredRound => {
    const entries = new Map<string, Entry>();
    for (const score of scoresByRound.get(round.id) ?? []) {
      const before = totals.get(score.player_id);
      if (before === undefined) continue; // the player was removed on another device
      const total = before + score.final_score;
      totals.set(score.player_id, total);
      const earlier = entries.get(score.player_id);
      entries.set(score.player_id, {
        raw: score.raw_score + (earlier?.raw ?? 0),
        bonus: score.bonus_applied + (earlier?.bonus ?? 0),
        final: score.final_score + (earlier?.final ?? 0),
        total,
      });
    }
    winner ??= findWinner(game, players, totals);
    return { id: round.id, number: index + 1, callerId: round.caller_id, entries };
  });

  return { players, rounds, standings: rank(players, totals, rounds.at(-1)), winner };
}

/** The share of the target that a total has reached, 0 to 1. */
export function progressTowards(target: number, total: number): number {
  return target > 0 ? Math.min(Math.max(total / target, 0), 1) : 0;
}

/** The name of a game; if it has none, the names of its players. */
export function titleOf(game: Pick<GameRow, 'name'>, players: readonly PlayerRow[]): string {
  const names = inRunningOrder(players).map((player) => player.name);
  return game.name?.trim() || names.join(', ') || 'Untitled game';
}

function inRunningOrder(players: readonly PlayerRow[]): PlayerRow[] {
  return [...players].sort((a, b) => a.position - b.position || compareText(a.id, b.id));
}

/** The player with the highest total, if it has reached the target; null while several share the highest total. */
function findWinner(
  game: GameRow,
  players: PlayerRow[],
  totals: ReadonlyMap<string, number>,
): PlayerRow | null {
  if (game.target_score <= 0) return null;
  const highest = Math.max(...totals.values());
  if (highest < game.target_score) return null;
  const leaders = players.filter((player) => totals.get(player.id) === highest);
  return leaders.length === 1 ? leaders[0]! : null;
}

function rank(
  players: PlayerRow[],
  totals: ReadonlyMap<string, number>,
  lastRound: ScoredRound | undefined,
): Standing[] {
  const all = [...totals.values()];
  const lowest = Math.min(...all);
  return players
    .map((player, seat): Standing => {
      const total = totals.get(player.id) ?? 0;
      const place = 1 + all.filter((other) => other > total).length;
      return {
        player,
        seat,
        total,
        rank: place,
        isLeader: place === 1 && total > lowest,
        lastChange: lastRound?.entries.get(player.id)?.final ?? null,
      };
    })
    .sort((a, b) => a.rank - b.rank || a.seat - b.seat);
}

function compareRounds(a: RoundRow, b: RoundRow): number {
  return a.round_number - b.round_number || a.created_at - b.created_at || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
