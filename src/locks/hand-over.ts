import { setTimeout as delay } from 'node:timers/promises';
import type { DocumentRef, Lock } from './lock.js';

/** How long a change of holder waits for what the holder sent before it. */
const DRAIN_MS = 2_000;

/** A lock that is about to leave its holder. */
export interface HandOver {
  ref: DocumentRef;
  from: Lock;
  /** Null: it becomes free. */
  to: Lock | null;
}

/** Somebody who takes a holder's writes, and has to finish them before another may write. */
export interface HandOverListener {
  /**
   * Refuses from now on what the holder sends, and resolves when all that it sent before is written. The change of holder
   * waits for it, but not for ever, and does not depend on its success.
   */
  freeze(handOver: HandOver): Promise<void>;
  /** Ends the freeze. @param isDone false: the holder still has the lock, as far as is known */
  thaw(handOver: HandOver, isDone: boolean): void;
}

/** Tells listeners of changes of holder, so that what was received before is written. */
export class HandOvers {
  private readonly listeners = new Set<HandOverListener>();

  /** @returns a function that ends it */
  add(listener: HandOverListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Freezes and drains, makes the change, and ends the freeze. @param change resolves to whether it was made */
  async around(handOver: HandOver, change: () => Promise<boolean>): Promise<boolean> {
    if (this.listeners.size === 0) return change();
    const listeners = [...this.listeners];
    let isDone = false;
    try {
      await this.drain(handOver, listeners);
      isDone = await change();
      return isDone;
    } finally {
      for (const listener of listeners) listener.thaw(handOver, isDone);
    }
  }

  private async drain(handOver: HandOver, listeners: HandOverListener[]): Promise<void> {
    const late = new AbortController();
    // A listener that throws has drained nothing; what its holder sends later is refused by the fencing token.
    const drained = Promise.allSettled(listeners.map(async (listener) => listener.freeze(handOver)));
    await Promise.race([drained, delay(DRAIN_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
  }
}
