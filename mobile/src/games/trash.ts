import { Q, type Database } from '@nozbe/watermelondb';
import { findGame } from './records';
import { prepareSettlement } from './settle';

type StoredRow = { id: string } & Record<string, unknown>;

/** What was deleted on this device, kept whole so that it can come back under the same ids. */
export interface Deleted {
  key: string;
  kind: 'game' | 'round';
  gameId: string;
  /** What people call it. */
  title: string;
  /** Epoch ms. */
  deletedAt: number;
  /** Whether it was brought back, and is watched until the server has it again. */
  isRestored: boolean;
  /** By table, the owners first. */
  rows: Record<string, StoredRow[]>;
}

/** How long what was deleted can be brought back. */
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
  // The copy first: whatever interrupts us afterwards, nothing is gone that is not kept.
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

/** What was deleted here in the last 30 days, is not there, and can come back; the latest first. */
export async function listDeleted(database: Database): Promise<Deleted[]> {
  const all = await readAll(database);
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
 * Brings back what was deleted, under the same ids.
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
 * To be called whenever nothing waits to be sent: what was brought back and is gone again is brought back once more (its
 * deletion came back from the server after it had been undone here); what is there needs no copy any longer. Copies
 * older than 30 days are dropped.
 */
export async function tendTrash(database: Database): Promise<void> {
  const all = await readAll(database);
  const isDue = ({ isRestored, deletedAt }: Deleted) => isRestored || deletedAt < Date.now() - KEPT_FOR_MS;
  if (!all.some(isDue)) return;
  await database.write(async () => {
    // The games first: a round comes back only where its game is.
    const due = all.filter(isDue).sort((a, b) => Number(a.kind === 'round') - Number(b.kind === 'round'));
    for (const deleted of due) {
      const isWanted = deleted.isRestored && (await hasPlace(database, deleted));
      const recreated = isWanted ? await recreate(database, deleted) : 0;
      if (recreated > 0) continue; // looked at again once this, too, is synced
      await database.localStorage.remove(deleted.key);
      await writeIndex(
        database,
        (await readIndex(database)).filter((key) => key !== deleted.key),
      );
    }
  });
}

/** Forgets everything that could be brought back. */
export async function emptyTrash(database: Database): Promise<void> {
  for (const key of await readIndex(database)) await database.localStorage.remove(key);
  await database.localStorage.remove(INDEX_KEY);
}

/** Whether it can come back: a round needs its game. */
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

/** Makes the rows that are not there. @returns how many */
async function recreate(database: Database, { rows }: Deleted): Promise<number> {
  const missing = await Promise.all(
    Object.entries(rows).map(async ([table, wanted]) => {
      const present = await findPresent(
        database,
        table,
        wanted.map((row) => row.id),
      );
      const absent = wanted.filter((row) => !present.has(row.id));
      // A deletion not yet pushed still holds its row, and an id can exist only once.
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
