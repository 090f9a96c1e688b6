import type { Database, Model } from '@nozbe/watermelondb';
import type { ColumnValue } from '../../src/protocol/columns.js';
import { schema } from '../../src/protocol/tables.js';
import type { Random } from '../convergence/random.js';
import { valuesOf } from './recorder.js';

/** One written value, or one deleted row. */
export interface Edit {
  /** When it was saved, epoch ms. */
  at: number;
  /** `table/id`. */
  key: string;
  /** The column's index in the declaration; null: the row was deleted. */
  column: number | null;
  value: ColumnValue;
}

type Fields = Record<string, ColumnValue>;
type Written = Omit<Edit, 'at'>;

const MAX_GAMES = 6;
const SHOWN_KEYS = 4;
const LONG_EVENING_ROUNDS = 40;

/** One person's random actions in the app; every value is written only once, so that it can be recognised. */
export class Editor {
  /** Time of the last write, epoch ms. */
  lastAt = 0;
  readonly edits: Edit[] = [];
  #count: number;

  /** @param first numbering begins after it; the numbers of no other person of the run may reach it */
  constructor(
    private readonly random: Random,
    first: number,
  ) {
    this.#count = first;
  }

  /** Does one thing that the present rows allow. @returns its description */
  async edit(database: Database): Promise<string> {
    const kind = this.random.weighted({
      newGame: 2,
      newRound: 6,
      longEvening: 0.4,
      rename: 3,
      correct: 5,
      deleteScore: 1,
      deleteRound: 1,
      deleteGame: 0.7,
    });
    let written: Written[] = [];
    // All reads happen within the write: otherwise a sync could change the rows in between.
    await database.write(async () => {
      const games = await rowsOf(database, 'games');
      const isNewGame = kind === 'newGame' ? games.length < MAX_GAMES : games.length === 0;
      written = await (isNewGame ? this.#newGame(database) : this.#change(kind, database));
    });
    this.lastAt = Date.now();
    this.edits.push(...written.map((one) => ({ ...one, at: this.lastAt })));
    const keys = [...new Set(written.map(({ key }) => key))];
    const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : '';
    return `${kind}: ${keys.slice(0, SHOWN_KEYS).join(' ') || 'nothing there'}${more}`;
  }

  async #change(kind: string, database: Database): Promise<Written[]> {
    switch (kind) {
      case 'newRound':
        return this.#newRounds(database, 1);
      case 'longEvening':
        return this.#newRounds(database, LONG_EVENING_ROUNDS);
      case 'rename':
        return this.#update(database, this.random.pick(['games', 'game_players']), { name: this.#text() });
      case 'correct':
        return this.#update(database, 'scores', { raw_score: this.#number(), final_score: this.#number() });
      case 'deleteScore':
        return this.#delete(database, 'scores');
      case 'deleteRound':
        return this.#delete(database, 'rounds');
      case 'deleteGame':
        return this.#delete(database, 'games');
      default:
        return [];
    }
  }

  async #newGame(database: Database): Promise<Written[]> {
    const id = this.random.id();
    const written = await this.#create(database, 'games', id, { name: this.#text() });
    for (let position = 0; position < 2; position += 1) {
      const player = { game_id: id, name: this.#text(), position };
      written.push(...(await this.#create(database, 'game_players', this.random.id(), player)));
    }
    return written;
  }

  async #newRounds(database: Database, count: number): Promise<Written[]> {
    const games = await rowsOf(database, 'games');
    if (games.length === 0) return [];
    const game = this.random.pick(games);
    const players = (await rowsOf(database, 'game_players')).filter(
      ({ _raw }) => (_raw as unknown as Fields).game_id === game.id,
    );
    const written: Written[] = [];
    for (let left = count; left > 0; left -= 1) {
      const id = this.random.id();
      const round = { game_id: game.id, round_number: this.#number(), created_at: Date.now() };
      written.push(...(await this.#create(database, 'rounds', id, round)));
      for (const player of players) {
        const score = { round_id: id, player_id: player.id, raw_score: this.#number() };
        written.push(...(await this.#create(database, 'scores', this.random.id(), score)));
      }
    }
    return written;
  }

  async #create(database: Database, table: string, id: string, fields: Fields): Promise<Written[]> {
    const { columns } = schema.tables[table]!;
    const defaults = Object.entries(columns).map(([name, column]) => [name, column.defaultValue] as const);
    await database.get(table).create((record) => {
      record._raw.id = id;
      for (const [name, value] of [...defaults, ...Object.entries(fields)]) record._setRaw(name, value);
    });
    return this.#written(table, id, fields);
  }

  async #update(database: Database, table: string, fields: Fields): Promise<Written[]> {
    const records = await rowsOf(database, table);
    if (records.length === 0) return [];
    const record = this.random.pick(records);
    await record.update(() => {
      for (const [name, value] of Object.entries(fields)) record._setRaw(name, value);
    });
    return this.#written(table, record.id, fields);
  }

  async #delete(database: Database, table: string): Promise<Written[]> {
    const records = await rowsOf(database, table);
    if (records.length === 0) return [];
    const record = this.random.pick(records);
    await record.markAsDeleted();
    return [{ key: `${table}/${record.id}`, column: null, value: null }];
  }

  #written(table: string, id: string, fields: Fields): Written[] {
    const columns = Object.keys(schema.tables[table]!.columns);
    const values = valuesOf(table, fields);
    return Object.keys(fields).map((name) => {
      const column = columns.indexOf(name);
      return { key: `${table}/${id}`, column, value: values[column] ?? null };
    });
  }

  #text(): string {
    return `Name ${(this.#count += 1)}`;
  }

  #number(): number {
    return (this.#count += 1);
  }
}

/** Sorted, so that the same seed picks the same row from the same rows. */
async function rowsOf(database: Database, table: string): Promise<Model[]> {
  const records = await database.get(table).query().fetch();
  return records.sort((a, b) => (a.id < b.id ? -1 : 1));
}
