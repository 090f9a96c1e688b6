/** A value that can be read and watched. */
export interface Observable<T> {
  get(): T;
  /** Calls `listener` with every new value. @returns a function that stops it */
  subscribe(listener: (value: T) => void): () => void;
}

/** An observable value that can be set. */
export class Cell<T> implements Observable<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private value: T) {}

  readonly get = (): T => this.value;

  readonly subscribe = (listener: (value: T) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Replaces the value and calls the listeners; does nothing if it is the same value. */
  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    callEach(this.listeners, value);
  }
}

/** Calls every listener. If one throws, the others are called all the same, and the console shows the error. */
export function callEach<T>(listeners: Iterable<(value: T) => void>, value: T): void {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      console.error(error);
    }
  }
}
