import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ByteBudget, type ByteShare } from '../flow/byte-budget.js';
import { KeyedSemaphore, Semaphore } from '../flow/semaphore.js';
import { slowestOf, type Holder } from '../flow/slowest.js';
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
/** Answers to large bodies that are being read; one more, and the slowest reader goes. */
const ANSWERS_AT_ONCE = 8;
/** How often an answer looks whether it may begin. */
const LOOK_EVERY_MS = 250;
/** How much large bodies hold together while they arrive and wait, in bodies of `maxBytes`. */
const HELD_BODIES = 8;
const OVERLOADED = { detail: 'Too many large bodies are coming in.', retry_after: 5 };

/** Marks a route whose JSON bodies may have up to `maxBytes` if the request passes `authorize`. */
export const LargeBody = () => RouteConfig({ takesLargeBody: true });

/** Whether a body counts as large. */
export const isLarge = (body: Buffer): boolean => body.length > LARGE_BYTES;

/** A client that is reading the answer to its large body. */
interface Reader extends Holder {
  response: ServerResponse;
}

/**
 * Limits large bodies: who may send them, their total bytes while they arrive, their number while they are processed, and
 * how many of their answers, which can be as large, wait for their readers.
 */
export class LargeBodies {
  private readonly places = new Semaphore(AT_ONCE, MAX_WAIT_MS);
  /** One account's bodies are processed one after another, so that they leave a place to others. */
  private readonly perAccount = new KeyedSemaphore(1, MAX_WAIT_MS);
  /** By the response to a large body that is processed, what gives its place and its bytes back. */
  private readonly releases = new WeakMap<ServerResponse, () => void>();
  private readonly shares = new WeakMap<ServerResponse, ByteShare>();
  private readonly readers = new Map<ServerResponse, Reader>();
  private readonly budget: ByteBudget;
  /** How many records a body may bring. */
  readonly maxRecords: number;

  /**
   * @param maxBytes of one body
   * @param accountOf who sends a body where large ones are allowed; throws the AppError that refuses it
   */
  constructor(
    private readonly maxBytes: number,
    private readonly accountOf: (request: FastifyRequest) => string,
  ) {
    this.budget = new ByteBudget(HELD_BODIES * maxBytes, OVERLOADED);
    this.maxRecords = Math.max(MIN_RECORDS, Math.floor(maxBytes / BYTES_PER_RECORD));
  }

  /** How many bytes a request may send, packed or not. @throws AppError when it may send none */
  limitOf(request: FastifyRequest): number {
    if (request.routeOptions.config.takesLargeBody !== true) return Math.min(SMALL_BYTES, this.maxBytes);
    this.accountOf(request);
    return this.maxBytes;
  }

  /**
   * Counts one body's bytes until its answer begins or its response is closed. When others need the bytes and this body comes in slowest, its
   * connection is cut.
   */
  counterFor(response: ServerResponse): Pick<ByteShare, 'grow' | 'complete'> {
    let share: ByteShare | undefined;
    return {
      grow: (sizeBytes) => {
        if (sizeBytes <= LARGE_BYTES || response.destroyed) return;
        if (!share) {
          share = this.budget.begin(() => response.destroy());
          this.shares.set(response, share);
          response.once('close', share.end);
        }
        share.grow(sizeBytes);
      },
      complete: () => share?.complete(),
    };
  }

  /** Takes a place for a large body until its answer begins, waiting for it. @throws AppError OVERLOADED */
  async takePlace(request: FastifyRequest, response: ServerResponse): Promise<void> {
    const releaseOwn = await this.perAccount.acquire(this.accountOf(request));
    await this.places.acquire().catch((refusal: unknown) => {
      releaseOwn();
      throw refusal;
    });
    const release = (): void => {
      if (!this.releases.delete(response)) return;
      this.places.release();
      releaseOwn();
      this.shares.get(response)?.end();
    };
    this.releases.set(response, release);
    if (response.destroyed) release();
    else
      response.once('close', () => {
        release();
        this.readers.delete(response);
      });
    await yieldToEventLoop();
  }

  /** Whether this is the response to a large body that is processed. */
  isProcessed(response: ServerResponse): boolean {
    return this.releases.has(response);
  }

  /** Frees the place of a large body, once its answer is not one too many that its reader leaves waiting. */
  async beginAnswer(response: ServerResponse): Promise<void> {
    while (this.readers.size >= ANSWERS_AT_ONCE && !response.destroyed) {
      const slowest = slowestOf(this.readers.values());
      if (slowest) this.cut(slowest.response);
      else await delay(LOOK_EVERY_MS);
    }
    this.releases.get(response)?.();
    if (response.destroyed) return;
    const { socket } = response;
    const sentBefore = socket?.bytesWritten ?? 0;
    this.readers.set(response, {
      response,
      since: performance.now(),
      get moved() {
        return (socket?.bytesWritten ?? 0) - sentBefore;
      },
    });
    response.setTimeout(STALL_MS, () => response.destroy());
  }

  private cut(response: ServerResponse): void {
    this.readers.delete(response);
    response.destroy();
  }
}
