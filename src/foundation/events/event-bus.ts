import { EventEmitter } from 'node:events';
import { Global, Injectable, Module } from '@nestjs/common';
import type { DocumentChanged, LockChanged, SessionTransferred } from '../../protocol/events.js';

/** What is announced inside the server, after the commit. */
export interface Events {
  /** Something visible changed in an account's records; `timestamp` is the account's new clock. */
  'records.changed': { accountId: string; deviceId: string; timestamp: number };
  /** A device came into an account that was there already. */
  'device.joined': { accountId: string; deviceId: string; name: string };
  /** A device no longer belongs to the account: its tokens and sockets end. */
  'device.revoked': { accountId: string; deviceId: string };
  /** A link to a game no longer works. */
  'share.withdrawn': { accountId: string; shareId: string };
  /** A document was locked, its lock renewed or released, or the lock ran out. */
  'lock.changed': { accountId: string; lock: LockChanged };
  /** The lock of a document went to another session: of the same user, or of one who took over. */
  'session.transferred': { accountId: string; transfer: SessionTransferred };
  /** A document has new content, or a version of it was uploaded. */
  'document.changed': { accountId: string; document: DocumentChanged };
  /** This process takes no more work; work under way may finish. */
  'server.stopping': Record<string, never>;
}

/** Carries events, published after the commit, to what announces them; a lost event does no harm, as pulls read the database. */
@Injectable()
export class EventBus {
  private readonly emitter = new EventEmitter();

  /** Calls every subscriber before it returns. */
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
