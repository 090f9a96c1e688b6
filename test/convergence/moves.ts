import type { Fields, Phone, PhoneRow } from '../support/phone.js';
import type { Random } from './random.js';

/** What the moves of one person may read besides their phone. */
export interface Table {
  /** The real time, epoch ms. */
  now(): number;
  /** Ids of games that were deleted at some time, by anyone. */
  deletedGames(): string[];
}

const NAMES = ['Ada', 'Bob', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gül', 'Håkon', 'Ida 🎲', 'Jo\nJo'];
const nameOf = (random: Random): string => `${random.pick(NAMES)} ${random.integer(1, 999)}`;

/** Does one thing that a person may do in the app with the rows on the phone. @returns its description */
export async function move(phone: Phone, random: Random, table: Table): Promise<string> {
  const games = await phone.rows('games');
  const kind = random.weighted({
    newGame: games.length < 12 ? 3 : 0.5,
    newRound: 7,
    editGame: 3,
    editPlayer: 2,
    editRound: 2,
    editScore: 6,
    swapOwner: 0.5,
    deleteScore: 1,
    deleteRound: 0.8,
    deletePlayer: 0.5,
    deleteGame: 0.7,
    bringBack: 0.4,
    tooLong: 0.4,
    shorten: 2,
  });
  if (kind === 'newGame' || games.length === 0) return newGame(phone, random, table);
  return (await others[kind](phone, random, random.pick(games), table)) ?? `${kind}: nothing to do`;
}

type Kind =
  | 'newRound'
  | 'editGame'
  | 'editPlayer'
  | 'editRound'
  | 'editScore'
  | 'swapOwner'
  | 'deleteScore'
  | 'deleteRound'
  | 'deletePlayer'
  | 'deleteGame'
  | 'bringBack'
  | 'tooLong'
  | 'shorten';
type Move = (phone: Phone, random: Random, game: PhoneRow, table: Table) => Promise<string | undefined>;

const others: Record<Kind, Move> = {
  async newRound(phone, random, game, table) {
    const players = (await phone.rows('game_players')).filter((row) => row.game_id === game.id);
    const rounds = (await phone.rows('rounds')).filter((row) => row.game_id === game.id);
    const id = random.id();
    const caller = players.length > 0 && random.chance(0.7) ? random.pick(players).id : null;
    await phone.create(
      'rounds',
      { game_id: game.id, round_number: rounds.length + 1, caller_id: caller, created_at: table.now() },
      id,
    );
    for (const player of players) {
      const raw = random.integer(-5, 50);
      const bonus = random.chance(0.2) ? -10 : 0;
      const score = {
        raw_score: raw,
        bonus_applied: bonus,
        final_score: raw + bonus,
        total_after: random.integer(0, 200),
      };
      await phone.create('scores', { round_id: id, player_id: player.id, ...score }, random.id());
    }
    return `round ${id} in game ${game.id}`;
  },

  async editGame(phone, random, game, table) {
    const fields = random.pick<Fields>([
      { name: nameOf(random) },
      { name: null },
      { target_score: random.integer(1, 10) * 50 },
      { status: random.pick(['active', 'finished', 'abandoned']), ended_at: table.now() },
      { winner_id: random.chance(0.8) ? random.id() : null },
    ]);
    await phone.update('games', game.id, fields);
    return `game ${game.id} ${JSON.stringify(fields)}`;
  },

  editPlayer: (phone, random, game) =>
    edit(phone, random, 'game_players', game, () =>
      random.pick<Fields>([
        { name: nameOf(random) },
        { position: random.integer(0, 9) },
        { current_total: random.integer(0, 300) },
      ]),
    ),

  editRound: (phone, random, game) =>
    edit(phone, random, 'rounds', game, () =>
      random.pick<Fields>([
        { round_number: random.integer(1, 30) },
        { caller_id: random.chance(0.5) ? random.id() : null },
      ]),
    ),

  async editScore(phone, random) {
    const scores = await phone.rows('scores');
    if (scores.length === 0) return undefined;
    const raw = random.integer(-5, 50);
    const fields = random.pick<Fields>([
      { raw_score: raw, final_score: raw },
      { bonus_applied: -10 },
      { total_after: raw },
    ]);
    const { id } = random.pick(scores);
    await phone.update('scores', id, fields);
    return `score ${id} ${JSON.stringify(fields)}`;
  },

  // The round moves to another game, which may have been deleted elsewhere.
  async swapOwner(phone, random) {
    const [games, rounds] = [await phone.rows('games'), await phone.rows('rounds')];
    if (rounds.length === 0) return undefined;
    const [round, game] = [random.pick(rounds), random.pick(games)];
    await phone.update('rounds', round.id, { game_id: game.id });
    return `round ${round.id} moves to game ${game.id}`;
  },

  deleteScore: (phone, random) => remove(phone, random, 'scores'),
  deleteRound: (phone, random) => remove(phone, random, 'rounds'),
  deletePlayer: (phone, random) => remove(phone, random, 'game_players'),

  // Some apps delete the rows below a game themselves, others leave that to the server.
  async deleteGame(phone, random, game) {
    const isThorough = random.chance(0.5);
    if (isThorough) {
      const rounds = (await phone.rows('rounds')).filter((row) => row.game_id === game.id);
      const owned = new Set(rounds.map((row) => row.id));
      const scores = (await phone.rows('scores')).filter((row) => owned.has(row.round_id as string));
      const players = (await phone.rows('game_players')).filter((row) => row.game_id === game.id);
      for (const { id } of scores) await phone.delete('scores', id);
      for (const { id } of rounds) await phone.delete('rounds', id);
      for (const { id } of players) await phone.delete('game_players', id);
    }
    await phone.delete('games', game.id);
    return `delete game ${game.id}${isThorough ? ' with all it owns' : ''}`;
  },

  // "Undo" of a deletion creates the same id again; possible only when WatermelonDB has no trace of the row left.
  async bringBack(phone, random, _game, table) {
    const here = new Set((await phone.rows('games')).map((row) => row.id));
    const gone = table.deletedGames().filter((id) => !here.has(id));
    if (gone.length === 0 || (await phone.unsyncedCount()) > 0) return undefined;
    const id = random.pick(gone);
    await phone.create('games', { name: `back again ${random.integer(1, 99)}`, started_at: table.now() }, id);
    return `bring back game ${id}`;
  },

  shorten: async (phone) => `${await mend(phone)} names shortened`,

  async tooLong(phone, random, game, table) {
    if (random.chance(0.5)) return newGame(phone, random, table, TOO_LONG);
    await phone.update('games', game.id, { name: TOO_LONG });
    return `game ${game.id} gets a name that is too long`;
  },
};

/** A text that the server refuses; the app keeps it unsynced until a person shortens it. */
const TOO_LONG = 'What a long evening '.repeat(11);

/** Shortens the texts that the server refused. @returns how many rows */
export async function mend(phone: Phone): Promise<number> {
  const long = (await phone.rows('games')).filter((row) => row.name === TOO_LONG);
  for (const { id } of long) await phone.update('games', id, { name: 'A long evening' });
  return long.length;
}

async function newGame(phone: Phone, random: Random, table: Table, name = nameOf(random)): Promise<string> {
  const id = random.id();
  await phone.create('games', { name, started_at: table.now() }, id);
  const seats = random.integer(2, 4);
  for (let position = 0; position < seats; position += 1) {
    await phone.create('game_players', { game_id: id, name: nameOf(random), position }, random.id());
  }
  return `game ${id} with ${seats} players`;
}

async function edit(
  phone: Phone,
  random: Random,
  table: 'game_players' | 'rounds',
  game: PhoneRow,
  fieldsOf: () => Fields,
): Promise<string | undefined> {
  const rows = (await phone.rows(table)).filter((row) => row.game_id === game.id);
  if (rows.length === 0) return undefined;
  const { id } = random.pick(rows);
  const fields = fieldsOf();
  await phone.update(table, id, fields);
  return `${table} ${id} ${JSON.stringify(fields)}`;
}

async function remove(phone: Phone, random: Random, table: string): Promise<string | undefined> {
  const rows = await phone.rows(table);
  if (rows.length === 0) return undefined;
  const { id } = random.pick(rows);
  await phone.delete(table, id);
  return `delete ${table} ${id}`;
}
