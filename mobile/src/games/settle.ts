import type { Database, Model } from '@nozbe/watermelondb';
import type { GameRecords, GameRow, PlayerRow } from './records';
import { scoresheet } from './scoring';

/**
 * Prepares the updates of the stored game and its players that follow from the scores: winner, end, status and stored
 * totals. Write them in the same batch as the scores.
 */
export async function prepareSettlement(
  database: Database,
  records: GameRecords,
  now: number,
): Promise<Model[]> {
  const { standings, winner } = scoresheet(records);
  const prepared: Model[] = [];
  const outcome = outcomeOf(records.game, winner, now);
  if (outcome) {
    const game = await database.get('games').find(records.game.id);
    prepared.push(game.prepareUpdate((model) => assign(model, outcome)));
  }
  for (const { player, total } of standings) {
    if (player.current_total === total) continue;
    const model = await database.get('game_players').find(player.id);
    prepared.push(model.prepareUpdate((row) => assign(row, { current_total: total })));
  }
  return prepared;
}

/** Sets columns of a record that is being created or updated. */
export function assign(model: Model, columns: Record<string, string | number | null>): void {
  for (const [name, value] of Object.entries(columns)) model._setRaw(name, value);
}

function outcomeOf(
  game: GameRow,
  winner: PlayerRow | null,
  now: number,
): Pick<GameRow, 'status' | 'winner_id' | 'ended_at'> | null {
  if (winner) {
    if (game.status === 'finished' && game.winner_id === winner.id) return null;
    return { status: 'finished', winner_id: winner.id, ended_at: game.ended_at ?? now };
  }
  if (game.status !== 'finished') return null;
  return { status: 'active', winner_id: null, ended_at: null };
}
