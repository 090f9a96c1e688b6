import { EventEmitter } from 'node:events';
import { Global, Injectable, Module } from '@nestjs/common';
import type { DocumentChanged, LockChanged, SessionTransferred } from '../../protocol/events.js';

/** The events inside the server, published after the commit. */
export interface Events {
  /** Something visible changed in an account's records; `timestamp` is the account's new clock. */
  'records.changed': { accountId: string; deviceId: string; timestamp: number };
  /** A device joined an existing account. */
  'device.joined': { accountId: string; deviceId: string; name: string };
  /** A device no longer belongs to the account: its tokens and sockets end. */
  'device.revoked': { accountId: string; deviceId: string };
  /** A link to a game no longer works. */
  'share.withdrawn': { accountId: string; shareId: string };
  /** A document's lock was taken, renewed or released, or it expired. */
  'lock.changed': { accountId: string; lock: LockChanged };
  /** A document's lock went to another session: of the same user, or of a user who took over. */
  'session.transferred': { accountId: string; transfer: SessionTransferred };
  /** A document has new content, or a version of it was uploaded. */
  'document.changed': { accountId: string; document: DocumentChanged };
  /** A document that is edited live has grown; sockets of accounts hear of it as `document.changed`, and less often. */
  'document.grew': { accountId: string; videoId: string; kind: string; epoch: number; version: number };
  /** This process accepts no more work; running work may finish. */
  'server.stopping': Record<string, never>;
}

type Listener<N extends keyof Events> = (event: Events[N]) => unknown;

/** Passes events to their subscribers in this process. A lost event loses no data, because pulls read the database. */
@Injectable()
export class EventBus {
  private readonly emitter = new EventEmitter();
  private readonly remote = new EventEmitter();

  /** Calls every subscriber, then returns. */
  publish<N extends keyof Events>(name: N, event: Events[N]): void {
    this.emitter.emit(name, event);
  }

  /** As `publish`, and resolves when the work is done that subscribers began; a subscriber deals with its failures. */
  async publishAndWait<N extends keyof Events>(name: N, event: Events[N]): Promise<void> {
    const listeners = this.emitter.listeners(name) as Listener<N>[];
    await Promise.all(listeners.map((listener) => listener(event)));
  }

  /** Passes on what another process published; `subscribe` does not hear it. */
  publishRemote<N extends keyof Events>(name: N, event: Events[N]): void {
    this.remote.emit(name, event);
  }

  /** Subscribes to an event of the other processes, which can be lost. @returns a function that ends the subscription */
  subscribeRemote<N extends keyof Events>(name: N, listener: Listener<N>): () => void {
    this.remote.on(name, listener);
    return () => this.remote.off(name, listener);
  }

  /** Subscribes to an event. @returns a function that ends the subscription */
  subscribe<N extends keyof Events>(name: N, listener: Listener<N>): () => void {
    this.emitter.on(name, listener);
    return () => this.emitter.off(name, listener);
  }
}

/** Makes the bus available everywhere. */
@Global()
@Module({ providers: [EventBus], exports: [EventBus] })
export class EventsModule {}
