// The parts of a browser's worker that are used here. Declared, because Node has none and its compiler settings do not know
// them; Node's own `fetch` and streams are typed already.

interface DbRequest<T> {
  result: T;
  error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
  onupgradeneeded: (() => void) | null;
}
interface ObjectStore {
  get(key: string): DbRequest<unknown>;
  getAll(): DbRequest<unknown[]>;
  put(value: unknown): DbRequest<unknown>;
  delete(key: string): DbRequest<unknown>;
}
/** An open IndexedDB database. */
export interface Database {
  createObjectStore(name: string, options: { keyPath: string }): ObjectStore;
  transaction(
    store: string,
    mode: 'readonly' | 'readwrite',
    options?: { durability: 'strict' },
  ): { objectStore(name: string): ObjectStore; oncomplete: (() => void) | null };
  close(): void;
}
interface Globals {
  indexedDB?: {
    open(name: string, version: number): DbRequest<Database>;
    deleteDatabase(name: string): DbRequest<unknown>;
  };
  navigator?: {
    locks?: {
      request(
        name: string,
        options: { ifAvailable: true },
        whileHeld: (lock: unknown) => Promise<void> | undefined,
      ): Promise<void>;
    };
  };
}

/** The globals of a browser; each may be missing. */
export const globals = globalThis as unknown as Globals;

/** Resolves with a request's result. */
export function resultOf<T>(request: DbRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as Error);
  });
}
