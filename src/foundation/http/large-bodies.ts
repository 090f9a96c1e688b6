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

/** Ample for every route that is not marked, and for requests that `authorize` refuses. */
const SMALL_BYTES = 65_536;
/** Bodies above this many bytes are parsed and worked on only a few at a time, as they take many times their size. */
const LARGE_BYTES = 1_048_576;
const AT_ONCE = 2;
const MAX_WAIT_MS = 30_000;
/** What large bodies take together while they come in and wait, in bodies of `maxBytes`. */
const HELD_BODIES = 8;
const OVERLOADED = { detail: 'Too many large bodies are coming in.', retry_after: 5 };

/** Marks a route whose JSON bodies may have up to `maxBytes` when the request passes `authorize`. */
export const LargeBody = () => RouteConfig({ takesLargeBody: true });

/** Who may send a large body, and what large bodies take together: bytes while they come in, places while they are worked on. */
export class LargeBodies {
  private readonly places = new Semaphore(AT_ONCE, MAX_WAIT_MS);
  private readonly budget: ByteBudget;

  /**
   * @param maxBytes of one body
   * @param authorize throws the AppError with which a large body of this request is refused
   */
  constructor(
    private readonly maxBytes: number,
    private readonly authorize: (request: FastifyRequest) => void,
  ) {
    this.budget = new ByteBudget(HELD_BODIES * maxBytes, OVERLOADED);
  }

  /** How many bytes a request may send; `refusal` is what it gets when it sends more, null: BODY_TOO_LARGE. */
  limitOf(request: FastifyRequest): { bytes: number; refusal: AppError | null } {
    const isMarked = request.routeOptions.config.takesLargeBody === true;
    const refusal = isMarked ? this.refusalOf(request) : null;
    const bytes = isMarked && !refusal ? this.maxBytes : Math.min(SMALL_BYTES, this.maxBytes);
    return { bytes, refusal };
  }

  /**
   * Counts one body while it comes in, until its response is closed.
   * @returns takes the bytes there are by now; throws AppError OVERLOADED
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

  /** Waits for a place if the body is large, and keeps it until the response is closed. @throws AppError OVERLOADED */
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
