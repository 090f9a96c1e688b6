import { AppError } from '../foundation/errors/app-error.js';
import type { Migration, Timestamp } from '../protocol/sync.js';
import type { ClientState } from './history.service.js';

// Parsed by hand, not by DTOs: these are the hottest routes, and stock clients send the texts "null" and "undefined".

/** The parameters of a pull. */
export interface PullRequest extends ClientState {
  migration: Migration | null;
  /** Whether the client supports replacement of its data. */
  acceptsReplacement: boolean;
}

/** The parameters of a push. */
export interface PushRequest extends ClientState {
  changes: unknown;
  lastPulledAt: Timestamp;
}

type Fields = Record<string, unknown>;

const NOTHING = new Set<unknown>([undefined, null, '', 'null', 'undefined']);

/** @throws AppError BAD_REQUEST */
export function readPullRequest(query: Fields): PullRequest {
  return {
    ...readClientState(query),
    migration: readMigration(query.migration),
    acceptsReplacement: query.replacement === '1' || query.replacement === 'true',
  };
}

/** Reads the fields from the query or from a body with `changes`; any other body is the changes object. @throws AppError BAD_REQUEST */
export function readPushRequest(query: Fields, body: unknown): PushRequest {
  const isWrapped = isObject(body) && Object.hasOwn(body, 'changes');
  const fields = isWrapped ? merged(query, body) : query;
  const client = readClientState(fields);
  const { lastPulledAt } = client;
  if (lastPulledAt === null) {
    throw new AppError('BAD_REQUEST', {
      detail: 'last_pulled_at is missing: pull first, then push with its timestamp.',
    });
  }
  return { ...client, changes: isWrapped ? body.changes : body, lastPulledAt };
}

/** @throws AppError BAD_REQUEST */
export function readClientState(fields: Fields): ClientState {
  return {
    lastPulledAt: readLastPulledAt(fields),
    schemaVersion: readVersion(fields),
    historyId: readText(fields, 'history_id'),
    checkpoint: readCheckpoint(fields),
  };
}

function readLastPulledAt(fields: Fields): Timestamp | null {
  const value = fields.last_pulled_at;
  if (NOTHING.has(value) || value === '0' || value === 0) return null;
  return wholeNumber(value, 'last_pulled_at');
}

function readVersion(fields: Fields): number | null {
  const value = fields.schema_version;
  return NOTHING.has(value) ? null : wholeNumber(value, 'schema_version');
}

function readText(fields: Fields, name: string): string | null {
  const value = fields[name];
  if (NOTHING.has(value)) return null;
  if (typeof value !== 'string') throw malformed(`${name} must be given once, as text.`);
  return value;
}

function readCheckpoint(fields: Fields): ClientState['checkpoint'] {
  const text = readText(fields, 'checkpoint');
  if (text === null) return null;
  const [, stamp, mark] = /^(\d+)-([0-9a-f]{8})$/.exec(text) ?? [];
  if (!stamp || !mark) throw malformed('checkpoint must be <stamp>-<8 hex digits>, as an answer told it.');
  return { stamp: wholeNumber(stamp, 'The stamp of checkpoint'), mark };
}

function readMigration(value: unknown): Migration | null {
  if (NOTHING.has(value)) return null;
  const migration = parseJson(value);
  if (migration === null) return null;
  const isValid =
    isObject(migration) &&
    Number.isSafeInteger(migration.from) &&
    isTextList(migration.tables) &&
    Array.isArray(migration.columns) &&
    migration.columns.every(
      (entry: unknown) => isObject(entry) && typeof entry.table === 'string' && isTextList(entry.columns),
    );
  if (!isValid) throw malformed('migration must be { from, tables, columns: [{ table, columns }] } as JSON.');
  return migration as unknown as Migration;
}

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') throw malformed('migration must be given once, as JSON.');
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new AppError('BAD_REQUEST', { detail: 'migration is not valid JSON.' }, { cause: error });
  }
}

/** Joins the fields of query and body. @throws AppError BAD_REQUEST when they differ: one would be silently ignored */
function merged(query: Fields, body: Fields): Fields {
  const fields: Fields = {};
  for (const name of ['last_pulled_at', 'schema_version', 'history_id', 'checkpoint']) {
    const [inQuery, inBody] = [query[name], body[name]];
    if (!NOTHING.has(inQuery) && !NOTHING.has(inBody) && String(inQuery) !== String(inBody)) {
      throw malformed(`${name} stands in the query and in the body, with different values.`);
    }
    fields[name] = NOTHING.has(inQuery) ? inBody : inQuery;
  }
  return fields;
}

/** Reads an integer from 1 to 2^53−1, given as a number or as digits. */
function wholeNumber(value: unknown, name: string): number {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d+$/.test(value)
        ? Number(value)
        : NaN;
  if (!Number.isSafeInteger(number) || number < 1)
    throw malformed(`${name} must be a whole number from 1 to 2^53−1, given once.`);
  return number;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function malformed(detail: string): AppError {
  return new AppError('BAD_REQUEST', { detail });
}
