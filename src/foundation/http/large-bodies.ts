import type { ServerResponse } from 'node:http';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';
import { ByteBudget, type ByteShare } from '../flow/byte-budget.js';
import { Semaphore } from '../flow/semaphore.js';
import { yieldToEventLoop } from '../flow/yield-to-event-loop.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See `LargeBody`. */
    takesLargeBody?: boolean;
  }
}

/** The limit for routes without `LargeBody`, and for requests that `authorize` refuses. */
const SMALL_BYTES = 65_536;
/** Only a few bodies above this size are processed at a time, because they take many times their size in memory. */
const LARGE_BYTES = 1_048_576;
const AT_ONCE = 2;
const MAX_WAIT_MS = 30_000;
/** How much large bodies hold together while they arrive and wait, in bodies of `maxBytes`. */
const HELD_BODIES = 8;
const OVERLOADED = { detail: 'Too many large bodies are coming in.', retry_after: 5 };

/** Marks a route whose JSON bodies may have up to `maxBytes` if the request passes `authorize`. */
export const LargeBody = () => RouteConfig({ takesLargeBody: true });

/** Limits large bodies: who may send them, their total bytes while they arrive, their number while they are processed. */
export class LargeBodies {
  private readonly places = new Semaphore(AT_ONCE, MAX_WAIT_MS);
  private readonly budget: ByteBudget;

  /**
   * @param maxBytes of one body
   * @param authorize throws the AppError that refuses a large body of this request
   */
  constructor(
    private readonly maxBytes: number,
    private readonly authorize: (request: FastifyRequest) => void,
  ) {
    this.budget = new ByteBudget(HELD_BODIES * maxBytes, OVERLOADED);
  }

  /** How many bytes a request may send; if it sends more, it gets `refusal`, or BODY_TOO_LARGE when that is null. */
  limitOf(request: FastifyRequest): { bytes: number; refusal: AppError | null } {
    const isMarked = request.routeOptions.config.takesLargeBody === true;
    const refusal = isMarked ? this.refusalOf(request) : null;
    const bytes = isMarked && !refusal ? this.maxBytes : Math.min(SMALL_BYTES, this.maxBytes);
    return { bytes, refusal };
  }

  /**
   * Counts one body's bytes until its response is closed.
   * @returns a function to call with the number of bytes so far; it throws AppError OVERLOADED
   */
  counterFor(response: ServerResponse): (sizeBytes: number) => void {
    let share: ByteShare | undefined;
    return (sizeBytes) => {
      if (sizeBytes <= LARGE_BYTES || response.destroyed) return;
      if (!share) {
        share = this.budget.begin();
        response.once('close', share.end);
      }
      share.grow(sizeBytes);
    };
  }

  /** If the body is large, takes a place until the response is closed, waiting for it. @throws AppError OVERLOADED */
  async takePlace(body: Buffer, response: ServerResponse): Promise<void> {
    if (body.length <= LARGE_BYTES) return;
    await this.places.acquire();
    if (response.destroyed) this.places.release();
    else response.once('close', () => this.places.release());
    await yieldToEventLoop();
  }

  private refusalOf(request: FastifyRequest): AppError | null {
    try {
      this.authorize(request);
      return null;
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }
}
