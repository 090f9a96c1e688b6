import { EventEmitter } from 'node:events';
import { Global, Injectable, Module } from '@nestjs/common';

/** What is announced inside the server, after the commit. */
export interface Events {
  /** Something visible changed in an account's records; `timestamp` is the account's new clock. */
  'records.changed': { accountId: string; deviceId: string; timestamp: number };
}

/** Carries events from those who commit to those who announce; a lost one never matters, pulls carry the truth. */
@Injectable()
export class EventBus {
  private readonly emitter = new EventEmitter();

  /** Tells every subscriber, at once. */
  publish<N extends keyof Events>(name: N, event: Events[N]): void {
    this.emitter.emit(name, event);
  }

  /** @returns a function that ends the subscription */
  subscribe<N extends keyof Events>(name: N, listener: (event: Events[N]) => void): () => void {
    this.emitter.on(name, listener);
    return () => this.emitter.off(name, listener);
  }
}

/** Makes the bus available everywhere. */
@Global()
@Module({ providers: [EventBus], exports: [EventBus] })
export class EventsModule {}
