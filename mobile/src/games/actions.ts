import type { Database, Model } from '@nozbe/watermelondb';
import { findGame, type GameRecords, type PlayerRow, type RoundRow, type ScoreRow } from './records';
import type { RoundInput } from './round-entry';
import { scoresheet, titleOf } from './scoring';
import { assign, prepareSettlement } from './settle';
import { moveToTrash } from './trash';

/** The content of a game's form. */
export interface GameInput {
  name: string;
  targetScore: number;
  /** In running order; `id` null: a new player. */
  players: { id: string | null; name: string }[];
}

/** The longest name of a game or a player that the server accepts, in UTF-16 units. */
export const MAX_NAME_LENGTH = 200;

/** Begins a game. @returns its id */
export async function createGame(database: Database, input: GameInput): Promise<string> {
  return database.write(async () => {
    const game = database.get('games').prepareCreate((model) =>
      assign(model, {
        ...gameColumns(input),
        status: 'active',
        winner_id: null,
        started_at: Date.now(),
        ended_at: null,
      }),
    );
    const players = input.players.map(({ name }, position) =>
      preparePlayer(database, game.id, name, position),
    );
    await database.batch([game, ...players]);
    return game.id;
  });
}

/**
 * Changes a game's name, target, and its players' names and order; adds players. Players that are not in the list
 * stay as they are.
 */
export async function updateGame(database: Database, gameId: string, input: GameInput): Promise<void> {
  await database.write(async () => {
    const records = await getGame(database, gameId);
    const columns = gameColumns(input);
    const game = await database.get('games').find(gameId);
    const settled = { ...records, game: { ...records.game, ...columns } };
    // A batch of its own: `prepareSettlement` may update the same row, and WatermelonDB prepares a record only once.
    await database.batch(game.prepareUpdate((model) => assign(model, columns)));
    const players: Model[] = [];
    for (const [position, { id, name }] of input.players.entries()) {
      if (id === null) {
        players.push(preparePlayer(database, gameId, name, position));
        continue;
      }
      const player = await database.get('game_players').find(id);
      players.push(player.prepareUpdate((model) => assign(model, { name: name.trim(), position })));
    }
    await database.batch(players);
    await database.batch(await prepareSettlement(database, settled, Date.now()));
  });
}

/** Adds a round after the last one. @returns its id */
export async function addRound(database: Database, gameId: string, input: RoundInput): Promise<string> {
  return database.write(async () => {
    const records = await getGame(database, gameId);
    const lastNumber = Math.max(0, ...records.rounds.map((round) => round.round_number));
    const round = database.get('rounds').prepareCreate((model) =>
      assign(model, {
        game_id: gameId,
        round_number: lastNumber + 1,
        caller_id: input.callerId,
        created_at: Date.now(),
      }),
    );
    const totals = new Map(scoresheet(records).standings.map(({ player, total }) => [player.id, total]));
    const scores = input.scores.map(({ playerId, raw, bonus }) =>
      database.get('scores').prepareCreate((model) =>
        assign(model, {
          round_id: round.id,
          player_id: playerId,
          ...points(raw, bonus),
          total_after: (totals.get(playerId) ?? 0) + raw + bonus,
        }),
      ),
    );
    const after: GameRecords = {
      ...records,
      rounds: [...records.rounds, { ...round._raw } as unknown as RoundRow],
      scores: [...records.scores, ...scores.map((score) => ({ ...score._raw }) as unknown as ScoreRow)],
    };
    const settlement = await prepareSettlement(database, after, Date.now());
    await database.batch([round, ...scores, ...settlement]);
    return round.id;
  });
}

/**
 * Changes the scores and the caller of a round. This can end the game or reopen it.
 * @returns the round as it was before, to undo the change
 */
export async function editRound(
  database: Database,
  gameId: string,
  roundId: string,
  input: RoundInput,
): Promise<RoundInput> {
  return database.write(async () => {
    const records = await getGame(database, gameId);
    const before = scoresheet(records).rounds.find((round) => round.id === roundId);
    if (!before) throw new Error('This round is no longer in the game.');
    const round = await database.get('rounds').find(roundId);
    const prepared = [round.prepareUpdate((model) => assign(model, { caller_id: input.callerId }))];
    const scoreless = new Set(input.scoreless);
    const rewritten = new Set([...scoreless, ...input.scores.map(({ playerId }) => playerId)]);
    const kept = records.scores.filter(
      (score) => score.round_id !== roundId || !rewritten.has(score.player_id),
    );
    const created: string[] = [];

    for (const score of records.scores) {
      if (score.round_id !== roundId || !scoreless.has(score.player_id)) continue;
      prepared.push((await database.get('scores').find(score.id)).prepareMarkAsDeleted());
    }
    for (const { playerId, raw, bonus } of input.scores) {
      const [stored, ...doubles] = records.scores.filter(
        (score) => score.round_id === roundId && score.player_id === playerId,
      );
      const columns = {
        ...points(raw, bonus),
        total_after: totalBefore(before.entries.get(playerId)) + raw + bonus,
      };
      const score = stored
        ? (await database.get('scores').find(stored.id)).prepareUpdate((model) => assign(model, columns))
        : database
            .get('scores')
            .prepareCreate((model) => assign(model, { round_id: roundId, player_id: playerId, ...columns }));
      if (!stored) created.push(playerId);
      prepared.push(score);
      kept.push({ ...score._raw } as unknown as ScoreRow);
      // Two devices may have added the same player's score at the same time; keep one row.
      for (const double of doubles) {
        prepared.push((await database.get('scores').find(double.id)).prepareMarkAsDeleted());
      }
    }
    const rounds = records.rounds.map((row) =>
      row.id === roundId ? { ...row, caller_id: input.callerId } : row,
    );
    const settlement = await prepareSettlement(database, { ...records, rounds, scores: kept }, Date.now());
    await database.batch([...prepared, ...settlement]);
    return {
      callerId: before.callerId,
      scores: [...before.entries].map(([playerId, { raw, bonus }]) => ({ playerId, raw, bonus })),
      scoreless: created,
    };
  });
}

/** Deletes a round. @returns the key with which `restore` brings it back */
export async function deleteRound(database: Database, gameId: string, roundId: string): Promise<string> {
  return database.write(async () => {
    const records = await getGame(database, gameId);
    const sheet = scoresheet(records);
    const number = sheet.rounds.find((round) => round.id === roundId)?.number;
    if (number === undefined) throw new Error('This round is no longer in the game.');
    const title = `Round ${number} of ${titleOf(records.game, sheet.players)}`;
    const isInRound = (score: ScoreRow) => score.round_id === roundId;
    const rows = {
      rounds: records.rounds.filter((round) => round.id === roundId),
      scores: records.scores.filter(isInRound),
    };
    const key = await moveToTrash(database, { kind: 'round', gameId, title, rows });
    const after = {
      ...records,
      rounds: records.rounds.filter((round) => round.id !== roundId),
      scores: records.scores.filter((score) => !isInRound(score)),
    };
    await database.batch(await prepareSettlement(database, after, Date.now()));
    return key;
  });
}

/** Deletes a game with its players, rounds and scores. @returns the key with which `restore` brings it back */
export async function deleteGame(database: Database, gameId: string, title: string): Promise<string> {
  return database.write(async () => {
    const { game, players, rounds, scores } = await getGame(database, gameId);
    return moveToTrash(database, {
      kind: 'game',
      gameId,
      title,
      rows: { games: [game], game_players: players, rounds, scores },
    });
  });
}

async function getGame(database: Database, gameId: string): Promise<GameRecords> {
  const records = await findGame(database, gameId);
  if (!records) throw new Error('This game is no longer on this device.');
  return records;
}

function gameColumns({ name, targetScore }: GameInput): { name: string | null; target_score: number } {
  return { name: name.trim() || null, target_score: targetScore };
}

function preparePlayer(database: Database, gameId: string, name: string, position: number): Model {
  const columns: Omit<PlayerRow, 'id'> = {
    game_id: gameId,
    name: name.trim(),
    position,
    current_total: 0,
  };
  return database.get('game_players').prepareCreate((model) => assign(model, columns));
}

function points(raw: number, bonus: number): Pick<ScoreRow, 'raw_score' | 'bonus_applied' | 'final_score'> {
  return { raw_score: raw, bonus_applied: bonus, final_score: raw + bonus };
}

function totalBefore(entry: { total: number; final: number } | undefined): number {
  return entry ? entry.total - entry.final : 0;
}
