import type { ServerResponse } from 'node:http';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ByteBudget, type ByteShare } from '../flow/byte-budget.js';
import { Semaphore } from '../flow/semaphore.js';
import { yieldToEventLoop } from '../flow/yield-to-event-loop.js';
import { STALL_MS } from './unread-body.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See `LargeBody`. */
    takesLargeBody?: boolean;
  }
}

/** The limit for routes without `LargeBody`. */
const SMALL_BYTES = 65_536;
/** Only a few bodies above this size are processed at a time, because they take many times their size in memory. */
const LARGE_BYTES = 262_144;
/** A body may have one record for each so many bytes of its limit, and always so many. */
const BYTES_PER_RECORD = 128;
const MIN_RECORDS = 100_000;
const AT_ONCE = 2;
const MAX_WAIT_MS = 30_000;
/** How much large bodies hold together while they arrive and wait, in bodies of `maxBytes`. */
const HELD_BODIES = 8;
const OVERLOADED = { detail: 'Too many large bodies are coming in.', retry_after: 5 };

/** Marks a route whose JSON bodies may have up to `maxBytes` if the request passes `authorize`. */
export const LargeBody = () => RouteConfig({ takesLargeBody: true });

/** Whether a body counts as large. */
export const isLarge = (body: Buffer): boolean => body.length > LARGE_BYTES;

/** Limits large bodies: who may send them, their total bytes while they arrive, their number while they are processed. */
export class LargeBodies {
  private readonly places = new Semaphore(AT_ONCE, MAX_WAIT_MS);
  /** The responses to the bodies that have a place. */
  private readonly held = new Set<ServerResponse>();
  private readonly budget: ByteBudget;
  /** How many records a body may bring. */
  readonly maxRecords: number;

  /**
   * @param maxBytes of one body
   * @param authorize throws the AppError that refuses a body of this request, where large ones are allowed
   */
  constructor(
    private readonly maxBytes: number,
    private readonly authorize: (request: FastifyRequest) => void,
  ) {
    this.budget = new ByteBudget(HELD_BODIES * maxBytes, OVERLOADED);
    this.maxRecords = Math.max(MIN_RECORDS, Math.floor(maxBytes / BYTES_PER_RECORD));
  }

  /** How many bytes a request may send, packed or not. @throws AppError when it may send none */
  limitOf(request: FastifyRequest): number {
    if (request.routeOptions.config.takesLargeBody !== true) return Math.min(SMALL_BYTES, this.maxBytes);
    this.authorize(request);
    return this.maxBytes;
  }

  /**
   * Counts one body's bytes until its response is closed. When others need the bytes and this body comes in slowest, its
   * connection is cut.
   */
  counterFor(response: ServerResponse): Pick<ByteShare, 'grow' | 'complete'> {
    let share: ByteShare | undefined;
    return {
      grow: (sizeBytes) => {
        if (sizeBytes <= LARGE_BYTES || response.destroyed) return;
        if (!share) {
          share = this.budget.begin(() => response.destroy());
          response.once('close', share.end);
        }
        share.grow(sizeBytes);
      },
      complete: () => share?.complete(),
    };
  }

  /** Takes a place for a large body until it is answered, waiting for it. @throws AppError OVERLOADED */
  async takePlace(response: ServerResponse): Promise<void> {
    await this.places.acquire();
    if (response.destroyed) this.places.release();
    else {
      this.held.add(response);
      response.once('close', () => this.leave(response));
    }
    await yieldToEventLoop();
  }

  /** The answer to a body begins: its place is free, and a client that takes nothing of it for 30 s is cut off. */
  noteAnswer(response: ServerResponse): void {
    if (this.leave(response)) response.setTimeout(STALL_MS, () => response.destroy());
  }

  /** @returns whether the body had a place */
  private leave(response: ServerResponse): boolean {
    const hadPlace = this.held.delete(response);
    if (hadPlace) this.places.release();
    return hadPlace;
  }
}
