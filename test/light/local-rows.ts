import type { Values } from './history.js';

/** One row on a device. */
export interface Cell {
  values: Values;
  /**
   * The columns, by their place, with changes that the server has not acknowledged, of which the server may have the
   * old or the new value; `row` when that goes for the row's very existence.
   */
  unacknowledged: readonly number[] | 'row';
}

/** Everything that a device holds, by `table/id`. */
export type LocalRows = ReadonlyMap<string, Cell>;
