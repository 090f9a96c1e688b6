import { globals, resultOf, type Database } from './browser-globals.js';

/** What is known of a slot: a place for one tab's copy of a document. */
export interface SlotRecord {
  /** `<document>#<number>`. */
  slot: string;
  document: string;
  number: number;
  /** The file that is used; null: none is complete. Whatever else lies there is an aborted download. */
  file: string | null;
  /** Whether the copy has changes that the server has not acknowledged. */
  isPending: boolean;
}

/** A slot that this tab holds until `release`. */
export interface HeldSlot {
  record: SlotRecord;
  save(change: Partial<Pick<SlotRecord, 'file' | 'isPending'>>): Promise<void>;
  release(): void;
}

/** How many tabs can each have a stored copy of one document. */
const SLOTS = 8;
const DATABASE = 'tidemark-documents';
const STORE = 'slots';

/** The order in which a document's slots are tried: with pending changes first, then with a copy, then by number. */
export function slotOrder(document: string, known: readonly SlotRecord[]): SlotRecord[] {
  const all = Array.from({ length: SLOTS }, (_, number): SlotRecord => {
    const slot = `${document}#${number}`;
    const record = known.find((one) => one.slot === slot);
    return record ?? { slot, document, number, file: null, isPending: false };
  });
  const rank = ({ isPending, file }: SlotRecord): number => (isPending ? 0 : file !== null ? 1 : 2);
  return all.sort((a, b) => rank(a) - rank(b) || a.number - b.number);
}

/**
 * Takes a free slot of a document, for which no other tab holds the Web Lock.
 * @returns null where nothing can be stored (no Web Locks, no IndexedDB), or all slots are taken
 */
export async function takeSlot(document: string): Promise<HeldSlot | null> {
  if (!globals.indexedDB || !globals.navigator?.locks) return null;
  const db = await openDatabase().catch(() => null); // some private windows have none
  if (!db) return null;
  const known = (await resultOf(
    db.transaction(STORE, 'readonly').objectStore(STORE).getAll(),
  )) as SlotRecord[];
  for (const { slot } of slotOrder(document, known)) {
    const release = await tryLock(`tidemark-document ${slot}`);
    if (release) return hold(db, slot, document, release);
  }
  db.close();
  return null;
}

async function hold(db: Database, slot: string, document: string, unlock: () => void): Promise<HeldSlot> {
  // Read again: the tab that held it until now may have written.
  const stored = await resultOf(db.transaction(STORE, 'readonly').objectStore(STORE).get(slot));
  const fresh = slotOrder(document, stored ? [stored as SlotRecord] : []).find((one) => one.slot === slot)!;
  const held: HeldSlot = {
    record: fresh,
    save: async (change) => {
      held.record = { ...held.record, ...change };
      const transaction = db.transaction(STORE, 'readwrite', { durability: 'strict' });
      const isDone = new Promise<void>((resolve) => (transaction.oncomplete = resolve));
      await resultOf(transaction.objectStore(STORE).put(held.record));
      await isDone;
    },
    release: () => {
      db.close();
      unlock();
    },
  };
  return held;
}

/** @returns a function that releases the lock; null: somebody else holds it */
function tryLock(name: string): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    const whileHeld = (lock: unknown): Promise<void> | undefined => {
      if (lock === null) return void resolve(null);
      return new Promise<void>((release) => resolve(release));
    };
    globals.navigator!.locks!.request(name, { ifAvailable: true }, whileHeld).catch(reject);
  });
}

async function openDatabase(): Promise<Database> {
  const request = globals.indexedDB!.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'slot' });
  return resultOf(request);
}
