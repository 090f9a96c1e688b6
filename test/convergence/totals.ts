import type { Snapshot } from './replica.js';

/**
 * Every player's running totals, as an app computes them: the scores in the order of `round_number`, `created_at` and
 * `id` of their rounds. The stored totals may be out of date and do not count.
 */
export function totalsOf(rows: Snapshot): Record<string, number[]> {
  const rounds = new Map((rows.rounds ?? []).map((round) => [round.id, round]));
  const place = (roundId: unknown): [number, number, string] => {
    const round = rounds.get(roundId as string);
    return [Number(round?.round_number ?? 0), Number(round?.created_at ?? 0), String(roundId)];
  };
  const ordered = [...(rows.scores ?? [])].sort((a, b) =>
    compare([...place(a.round_id), a.id], [...place(b.round_id), b.id]),
  );
  const totals: Record<string, number[]> = {};
  for (const { player_id, final_score } of ordered) {
    const running = (totals[player_id as string] ??= []);
    running.push((running.at(-1) ?? 0) + Number(final_score));
  }
  return totals;
}

function compare(a: (number | string)[], b: (number | string)[]): number {
  const at = a.findIndex((part, index) => part !== b[index]);
  if (at < 0) return 0;
  return (a[at] as number) < (b[at] as number) ? -1 : 1;
}
