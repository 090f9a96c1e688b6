/** All that a declaration of own tables needs: apps and operators import this file as `tidemark/schema`. */
export { declareSchema, type Row, type Schema, type Table, type Tables } from './schema.js';
export {
  boolean,
  choice,
  integer,
  optionalRef,
  real,
  ref,
  text,
  timestamp,
  type Column,
  type ColumnKind,
  type ColumnValue,
} from './columns.js';
