import { Q, type Database, type Model } from '@nozbe/watermelondb';
import type { Row } from '../../../src/protocol/schema';
import type { tables } from '../../../src/protocol/tables';

/** A row of `games`. */
export type GameRow = Row<typeof tables.games>;
/** A row of `game_players`. */
export type PlayerRow = Row<typeof tables.game_players>;
/** A row of `rounds`. */
export type RoundRow = Row<typeof tables.rounds>;
/** A row of `scores`. */
export type ScoreRow = Row<typeof tables.scores>;

/** One game with its players, rounds and scores, as plain rows in no particular order. */
export interface GameRecords {
  game: GameRow;
  players: PlayerRow[];
  rounds: RoundRow[];
  scores: ScoreRow[];
}

/** The tables of a game; screens read it again when one of them changes. */
export const GAME_TABLES = ['games', 'game_players', 'rounds', 'scores'] as const;

/** Copies the rows, because models change in place. */
function rowsOf<R>(models: Model[]): R[] {
  return models.map((model) => ({ ...model._raw }) as R);
}

/** Every game, the newest first. */
export async function listGames(database: Database): Promise<GameRow[]> {
  const query = database.get('games').query(Q.sortBy('started_at', Q.desc), Q.sortBy('id', Q.asc));
  return rowsOf(await query.fetch());
}

/** One game with its players, rounds and scores; null when it does not exist on this device. */
export async function findGame(database: Database, gameId: string): Promise<GameRecords | null> {
  const [games, players, rounds] = await Promise.all([
    database.get('games').query(Q.where('id', gameId)).fetch(),
    database.get('game_players').query(Q.where('game_id', gameId)).fetch(),
    database.get('rounds').query(Q.where('game_id', gameId)).fetch(),
  ]);
  if (games.length === 0) return null;
  const scores = await database
    .get('scores')
    .query(Q.where('round_id', Q.oneOf(rounds.map((round) => round.id))))
    .fetch();
  return {
    game: rowsOf<GameRow>(games)[0]!,
    players: rowsOf(players),
    rounds: rowsOf(rounds),
    scores: rowsOf(scores),
  };
}
