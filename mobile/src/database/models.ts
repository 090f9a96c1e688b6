import { Model, type Collection } from '@nozbe/watermelondb';
import type { Column, ColumnValue } from '../../../src/protocol/columns.js';
import { schema as declared, tables } from '../../../src/protocol/tables.js';

type Declared = typeof tables;

/** The name of a synced table. */
export type TableName = keyof Declared;

/** The declared columns of a table, by their names on the wire. */
export type Fields<N extends TableName> = {
  -readonly [K in keyof Declared[N]['columns']]: Declared[N]['columns'][K] extends Column<infer V>
    ? V
    : never;
};

type ModelOf<N extends TableName> = Omit<typeof Model, 'new'> &
  (new (...args: ConstructorParameters<typeof Model>) => Model & Fields<N>);

/**
 * A model whose fields are the declared columns, named as on the wire, so a record can be used as a row. A new record
 * starts with the declared defaults.
 */
function modelOf<N extends TableName>(name: N): ModelOf<N> {
  const columns = Object.entries<Column<ColumnValue>>(tables[name].columns);

  class DeclaredModel extends Model {
    static override table = name;
    static override associations = associationsOf(name);

    static override _prepareCreate(collection: Collection<Model>, build: (record: Model) => void): Model {
      return super._prepareCreate(collection, (record) => {
        for (const [column, { defaultValue }] of columns) record._setRaw(column, defaultValue);
        build(record);
      });
    }
  }

  for (const [column] of columns) {
    Object.defineProperty(DeclaredModel.prototype, column, {
      get(this: Model) {
        return this._getRaw(column);
      },
      set(this: Model, value: ColumnValue) {
        this._setRaw(column, value);
      },
    });
  }
  return DeclaredModel as unknown as ModelOf<N>;
}

function associationsOf(name: string): (typeof Model)['associations'] {
  const associations: (typeof Model)['associations'] = {};
  for (const [other, table] of Object.entries(declared.tables)) {
    for (const [key, column] of Object.entries(table.columns)) {
      if (!column.isParent) continue;
      if (column.references === name) associations[other] = { type: 'has_many', foreignKey: key };
      else if (other === name) associations[column.references!] = { type: 'belongs_to', key };
    }
  }
  return associations;
}

/** A game: its name, target score and status. */
export class Game extends modelOf('games') {}

/** A player in a game. */
export class GamePlayer extends modelOf('game_players') {}

/** One round of a game. */
export class Round extends modelOf('rounds') {}

/** What one player scored in one round. */
export class Score extends modelOf('scores') {}

/** All models, for `new Database`. */
export const modelClasses = [Game, GamePlayer, Round, Score];
