import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../foundation/errors/app-error.js';
import { orAborted } from '../foundation/flow/or-aborted.js';
import { EventBus } from '../foundation/events/event-bus.js';

const RETRY_AFTER_SECONDS = 5;
const FOR_MONITORS = /^\/(health|metrics)\b/;

/** What the last work before the process ends gets to see. */
export interface Ending {
  /** Resolves when no request is running and the sockets' work is done, or the deadline has passed. */
  requestsEnded: Promise<void>;
  /** Aborts when the time is up; the work must then stop soon. */
  deadline: AbortSignal;
}

/** Counts the running requests, and lets them finish before the server stops. */
@Injectable()
export class Lifecycle {
  isDraining = false;
  private running = 0;
  private whenIdle: (() => void) | null = null;
  private readonly socketWork: (() => Promise<void>)[] = [];
  private readonly lastWork: ((ending: Ending) => Promise<void>)[] = [];

  constructor(private readonly events: EventBus) {}

  /** Counts requests. While draining, refuses new ones except those of monitors. */
  watch(server: FastifyInstance): void {
    server.addHook('onRequest', async (request, reply) => {
      this.running++;
      // The hook onResponse would not do: it does not run when the client disconnects early.
      reply.raw.once('close', () => {
        this.running--;
        if (this.running === 0) this.whenIdle?.();
      });
      if (this.isDraining && !FOR_MONITORS.test(request.url)) {
        throw new AppError('SHUTTING_DOWN', { retry_after: RETRY_AFTER_SECONDS });
      }
    });
  }

  /** Adds the end of work that clients wait for on sockets; it counts like running requests. */
  beforeRequestsEnd(work: () => Promise<void>): void {
    this.socketWork.push(work);
  }

  /** Adds work to do before the process ends. */
  beforeEnd(work: (ending: Ending) => Promise<void>): void {
    this.lastWork.push(work);
  }

  /**
   * Turns readiness off, then waits until no request is running and the last work is done; aborts it after `deadlineMs`.
   * @returns whether every request finished
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.isDraining = true;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    this.events.publish('server.stopping', {});
    const requests = this.untilIdle(deadline.signal);
    const sockets = orAborted(Promise.all(this.socketWork.map((work) => work())), deadline.signal);
    const requestsEnded = Promise.allSettled([requests, sockets]).then(() => undefined);
    const ending = { requestsEnded, deadline: deadline.signal };
    const outcomes = await Promise.allSettled(this.lastWork.map((work) => work(ending)));
    const isClean = await requests;
    clearTimeout(timer);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return isClean;
  }

  private async untilIdle(deadline: AbortSignal): Promise<boolean> {
    if (this.running === 0) return true;
    return new Promise((resolve) => {
      deadline.addEventListener('abort', () => resolve(false));
      this.whenIdle = () => resolve(true);
    });
  }
}
