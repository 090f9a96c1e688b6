import { Q, type Database } from '@nozbe/watermelondb';
import { findGame } from './records';
import { prepareSettlement } from './settle';

type StoredRow = { id: string } & Record<string, unknown>;

/** A game or round deleted on this device, with a copy of its rows to restore it under the same ids. */
export interface Deleted {
  key: string;
  kind: 'game' | 'round';
  gameId: string;
  /** Its name for the user. */
  title: string;
  /** Epoch ms. */
  deletedAt: number;
  /** Whether it was restored. The copy is kept until the server has the rows again. */
  isRestored: boolean;
  /** By table, parents before their children. */
  rows: Record<string, StoredRow[]>;
}

/** How long deleted games and rounds can be restored. */
export const KEPT_FOR_DAYS = 30;
const KEPT_FOR_MS = KEPT_FOR_DAYS * 24 * 60 * 60 * 1000;
const INDEX_KEY = 'tidemark_deleted';

/** Marks rows as deleted and keeps a copy of them; call inside `database.write`. @returns the copy's key */
export async function moveToTrash(
  database: Database,
  what: Pick<Deleted, 'kind' | 'gameId' | 'title' | 'rows'>,
): Promise<string> {
  const deletedAt = Date.now();
  const anchor = Object.values(what.rows).find((rows) => rows.length > 0)?.[0]?.id ?? what.gameId;
  const key = `${INDEX_KEY}/${what.kind}/${anchor}`;
  const deleted: Deleted = { ...what, key, deletedAt, isRestored: false };
  // The copy first: if we are interrupted after it, no row is deleted without a copy.
  await database.localStorage.set(key, deleted);
  await writeIndex(database, [...(await readIndex(database)).filter((entry) => entry !== key), key]);
  const models = await Promise.all(
    Object.entries(what.rows).map(([table, rows]) =>
      database
        .get(table)
        .query(Q.where('id', Q.oneOf(rows.map((row) => row.id))))
        .fetch(),
    ),
  );
  await database.batch(models.flat().map((model) => model.prepareMarkAsDeleted()));
  return key;
}

/** The games and rounds deleted in the last 30 days that are still gone and can be restored; the latest first. */
export async function listDeleted(database: Database): Promise<Deleted[]> {
  // While changes wait to be sent, `tendTrash` does not run, and older copies stay.
  const all = (await readAll(database)).filter((deleted) => !isOld(deleted));
  const games = await findPresent(
    database,
    'games',
    all.map(({ gameId }) => gameId),
  );
  const rounds = await findPresent(
    database,
    'rounds',
    all.flatMap(({ rows }) => (rows.rounds ?? []).map(({ id }) => id)),
  );
  const isGone = ({ kind, gameId, rows }: Deleted) =>
    kind === 'game'
      ? !games.has(gameId)
      : games.has(gameId) && (rows.rounds ?? []).some(({ id }) => !rounds.has(id));
  return all.filter(isGone).sort((a, b) => b.deletedAt - a.deletedAt);
}

/**
 * Restores a deleted game or round under the same ids.
 * @throws Error in plain words when its copy is gone, or when it is a round and its game is gone
 */
export async function restore(database: Database, key: string): Promise<void> {
  await database.write(async () => {
    const deleted = await database.localStorage.get<Deleted>(key);
    if (!deleted || !(await hasPlace(database, deleted))) {
      throw new Error('This can no longer be brought back.');
    }
    await recreate(database, deleted);
    const records = await findGame(database, deleted.gameId);
    if (records) await database.batch(await prepareSettlement(database, records, Date.now()));
    await database.localStorage.set(key, { ...deleted, isRestored: true });
  });
}

/**
 * Call whenever no change waits to be sent. A restored game or round that is gone again is restored once more: its
 * deletion came back from the server after it had been undone here. If it is still here, its copy is dropped. Copies
 * older than 30 days are dropped too.
 */
export async function tendTrash(database: Database): Promise<void> {
  const all = await readAll(database);
  const isDue = (deleted: Deleted) => deleted.isRestored || isOld(deleted);
  if (!all.some(isDue)) return;
  await database.write(async () => {
    // Games first: a round can be restored only if its game exists.
    const due = all.filter(isDue).sort((a, b) => Number(a.kind === 'round') - Number(b.kind === 'round'));
    for (const deleted of due) {
      const isWanted = deleted.isRestored && (await hasPlace(database, deleted));
      const recreated = isWanted ? await recreate(database, deleted) : 0;
      if (recreated > 0) continue; // checked again when the new rows are synced
      await database.localStorage.remove(deleted.key);
      await writeIndex(
        database,
        (await readIndex(database)).filter((key) => key !== deleted.key),
      );
    }
  });
}

/** Drops all copies; nothing deleted so far can be restored. */
export async function emptyTrash(database: Database): Promise<void> {
  for (const key of await readIndex(database)) await database.localStorage.remove(key);
  await database.localStorage.remove(INDEX_KEY);
}

function isOld({ deletedAt }: Deleted): boolean {
  return deletedAt < Date.now() - KEPT_FOR_MS;
}

/** Whether it can be restored: a round needs its game. */
async function hasPlace(database: Database, { kind, gameId }: Deleted): Promise<boolean> {
  return kind === 'game' || (await findPresent(database, 'games', [gameId])).has(gameId);
}

async function findPresent(database: Database, table: string, ids: string[]): Promise<Set<string>> {
  return new Set(
    await database
      .get(table)
      .query(Q.where('id', Q.oneOf(ids)))
      .fetchIds(),
  );
}

/** Creates the rows that do not exist. @returns how many */
async function recreate(database: Database, { rows }: Deleted): Promise<number> {
  const missing = await Promise.all(
    Object.entries(rows).map(async ([table, wanted]) => {
      const present = await findPresent(
        database,
        table,
        wanted.map((row) => row.id),
      );
      const absent = wanted.filter((row) => !present.has(row.id));
      // A row whose deletion is not pushed yet is still stored, and an id can exist only once.
      await database.adapter.destroyDeletedRecords(
        database.get(table).table,
        absent.map((row) => row.id),
      );
      return absent.map((row) => database.get(table).prepareCreateFromDirtyRaw(asCreated(row)));
    }),
  );
  await database.batch(missing.flat());
  return missing.flat().length;
}

function asCreated(row: StoredRow): StoredRow {
  return { ...row, _status: 'created', _changed: '' };
}

async function readAll(database: Database): Promise<Deleted[]> {
  const keys = await readIndex(database);
  const all = await Promise.all(keys.map((key) => database.localStorage.get<Deleted>(key)));
  return all.filter((deleted) => deleted !== undefined && deleted !== null);
}

async function readIndex(database: Database): Promise<string[]> {
  return (await database.localStorage.get<string[]>(INDEX_KEY)) ?? [];
}

async function writeIndex(database: Database, keys: string[]): Promise<void> {
  await database.localStorage.set(INDEX_KEY, keys);
}
