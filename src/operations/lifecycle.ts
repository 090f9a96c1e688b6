import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors/app-error.js';
import { EventBus } from '../events/event-bus.js';

const RETRY_AFTER_SECONDS = 5;

/** Knows the running requests, and lets them finish when the server is to stop. */
@Injectable()
export class Lifecycle {
  isDraining = false;
  private running = 0;
  private whenIdle: (() => void) | null = null;

  constructor(private readonly events: EventBus) {}

  /** Counts requests; refuses new ones while draining, but for the health routes. */
  watch(server: FastifyInstance): void {
    server.addHook('onRequest', async (request, reply) => {
      this.running++;
      // Not the hook onResponse, which never comes when the client breaks off.
      reply.raw.once('close', () => {
        this.running--;
        if (this.running === 0) this.whenIdle?.();
      });
      if (this.isDraining && !request.url.startsWith('/health/')) {
        throw new AppError('SHUTTING_DOWN', { retry_after: RETRY_AFTER_SECONDS });
      }
    });
  }

  /**
   * Turns readiness off and waits until no request runs, at most `deadlineMs`.
   * @returns whether every request finished
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.isDraining = true;
    this.events.publish('server.stopping', {});
    if (this.running === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), deadlineMs);
      this.whenIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
