import type { Values } from './history.js';

/** One row on a device. */
export interface Cell {
  values: Values;
  /**
   * The indexes of columns with changes that the server has not acknowledged: it may have the old or the new value.
   * `row`: the server may or may not have the row itself.
   */
  unacknowledged: readonly number[] | 'row';
}

/** All rows of a device, by `table/id`. */
export type LocalRows = ReadonlyMap<string, Cell>;
