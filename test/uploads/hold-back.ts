declare const requireNatively: (name: string) => unknown;
/** Jest's own stand-in for it does nothing. */
const nodeModule = requireNatively('node:module') as typeof import('node:module');

type Method = (...args: unknown[]) => unknown;
type Methods<K extends PropertyKey> = Record<K, (...args: never[]) => unknown>;

/** Something that a test waits for. */
export interface Moment {
  hasCome: Promise<void>;
  come(): void;
}

/** A call that a test holds back. */
export interface HeldCall {
  /** It has come to where it waits. */
  reached: Promise<void>;
  goOn(): void;
}

export function moment(): Moment {
  let come: () => void;
  const hasCome = new Promise<void>((resolve) => (come = resolve));
  return { hasCome, come: () => come() };
}

/**
 * Puts something around a method of one service, or of a module of Node's: what happens by chance elsewhere happens here
 * each time.
 * @param make what is called from now on; `real` is the method as it was
 * @returns takes it away again
 */
export function around<K extends PropertyKey, S extends Methods<K>>(
  service: S,
  name: K,
  make: (real: S[K]) => S[K],
): () => void {
  const real = service[name];
  const set = (method: S[K]): void => {
    service[name] = method;
    // The server imports the methods of Node's modules by name.
    nodeModule.syncBuiltinESMExports();
  };
  set(make(real.bind(service) as S[K]));
  return () => set(real);
}

/** As `around`, for the next call alone. */
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

/** Holds the next call of a method back, before it does its work or when it has done it. */
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
