declare const requireNatively: (name: string) => unknown;
/** Jest's own `syncBuiltinESMExports` does nothing. */
const nodeModule = requireNatively('node:module') as typeof import('node:module');

type Method = (...args: unknown[]) => unknown;
type Methods<K extends PropertyKey> = Record<K, (...args: never[]) => unknown>;

/** A moment for which a test waits. */
export interface Moment {
  hasCome: Promise<void>;
  come(): void;
}

/** A call that a test holds back. */
export interface HeldCall {
  /** Settles when the call has reached the point where it waits. */
  reached: Promise<void>;
  goOn(): void;
}

export function moment(): Moment {
  let come: () => void;
  const hasCome = new Promise<void>((resolve) => (come = resolve));
  return { hasCome, come: () => come() };
}

/**
 * Wraps a method of a service, or of a module of Node's, so that what elsewhere happens by chance happens every time.
 * @param make returns the wrapper of `real`, the original method
 * @returns a function that restores the original
 */
export function around<K extends PropertyKey, S extends Methods<K>>(
  service: S,
  name: K,
  make: (real: S[K]) => S[K],
): () => void {
  const real = service[name];
  const set = (method: S[K]): void => {
    service[name] = method;
    // The server imports the functions of Node's modules by name.
    nodeModule.syncBuiltinESMExports();
  };
  set(make(real.bind(service) as S[K]));
  return () => set(real);
}

/** As `around`, but for the next call only. */
export function atNext<K extends PropertyKey, S extends Methods<K>>(
  service: S,
  name: K,
  make: (real: S[K]) => S[K],
): void {
  const undo = around<K, S>(service, name, (real) => {
    const made = make(real) as unknown as Method;
    const once: Method = (...args) => {
      undo();
      return made(...args);
    };
    return once as unknown as S[K];
  });
}

/** Holds back the next call of a method, before or after its work. */
export function holdNext<K extends PropertyKey, S extends Methods<K>>(
  service: S,
  name: K,
  when: 'before' | 'after',
): HeldCall {
  const reached = moment();
  const released = moment();
  const wait = (): Promise<void> => {
    reached.come();
    return released.hasCome;
  };
  atNext<K, S>(service, name, (real) => {
    const held: Method = async (...args) => {
      if (when === 'before') await wait();
      const result = await (real as unknown as Method)(...args);
      if (when === 'after') await wait();
      return result;
    };
    return held as unknown as S[K];
  });
  return { reached: reached.hasCome, goOn: released.come };
}
