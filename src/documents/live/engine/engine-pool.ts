import { availableParallelism } from 'node:os';
import { Inject, Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { DocumentKind } from '../../kinds.js';
import { compileEngine } from './crsqlite-module.js';
import type { LiveDatabase } from './live-database.js';
import { LiveCopy } from './live-copy.js';
import { ThreadClient } from './thread-client.js';

/** Each open one takes about 200 KB and two file descriptors. */
const MAX_OPEN_PER_THREAD = 500;
const MAX_TRAPPING = 10_000;

/** Overrides the sizes. */
const ENGINE_POOL_OPTIONS = Symbol('ENGINE_POOL_OPTIONS');

/** Sizes of a pool. */
export interface EnginePoolOptions {
  threads?: number;
  /** How many documents a thread keeps open; others are opened again when they are used. */
  maxOpenPerThread?: number;
}

/** The threads that merge changes of documents. Each document belongs to one of them. */
@Injectable()
export class EnginePool implements OnModuleDestroy {
  /** How often a thread ended by itself, or was ended because its engine was broken. */
  restarts = 0;
  private readonly threads: (ThreadClient | null)[];
  private readonly maxOpen: number;
  private readonly copies = new Map<string, LiveCopy>();
  private readonly trapping = new LRUCache<string, true>({ max: MAX_TRAPPING });
  private nextDocument = 1;
  private isClosed = false;

  constructor(
    @Optional() @Inject(ENGINE_POOL_OPTIONS) { threads, maxOpenPerThread }: EnginePoolOptions = {},
  ) {
    this.threads = Array<null>(threads ?? Math.max(1, availableParallelism() - 1)).fill(null);
    this.maxOpen = maxOpenPerThread ?? MAX_OPEN_PER_THREAD;
  }

  /**
   * Opens a copy; what a crash left half written is rolled back.
   * @param path the file; nothing else may open it until `close`
   * @throws AppError DISK_FULL, OVERLOADED; EngineError if there is no such file, or it is damaged
   */
  async open(path: string, kind: DocumentKind, { maxBytes }: { maxBytes: number }): Promise<LiveDatabase> {
    if (this.isClosed) throw new Error('The pool is closed.');
    if (this.copies.has(path)) throw new Error(`${path} is open already.`);
    const place = placeOf(path, this.threads.length);
    const copy = new LiveCopy(
      this.nextDocument++,
      { path, kind, maxBytes },
      {
        thread: () => this.threadAt(place),
        trapping: {
          has: (hash) => this.trapping.has(`${path} ${hash}`),
          add: (hash) => this.trapping.set(`${path} ${hash}`, true),
        },
        closed: () => this.copies.delete(path),
      },
    );
    this.copies.set(path, copy);
    try {
      return await copy.open();
    } catch (error) {
      this.copies.delete(path);
      throw error;
    }
  }

  /** Ends all threads, whatever they do. Others take their place, and do again what was not answered. */
  async restart(): Promise<void> {
    await Promise.all(this.threads.map(async (thread) => thread?.terminate()));
  }

  /** Closes what is open and ends the threads. */
  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    await Promise.allSettled(Array.from(this.copies.values(), (copy) => copy.close()));
    await this.restart();
  }

  private threadAt(place: number): ThreadClient {
    let thread = this.threads[place] ?? null;
    if (thread === null) {
      const started = new ThreadClient(compileEngine(), this.maxOpen, () => {
        this.threads[place] = null;
        if (!this.isClosed) this.restarts += 1;
      });
      thread = this.threads[place] = started;
    }
    return thread;
  }
}

/** The same path has the same place. */
function placeOf(path: string, places: number): number {
  let hash = 0;
  for (const unit of path) hash = (Math.imul(hash, 31) + unit.codePointAt(0)!) >>> 0;
  return hash % places;
}
