import type { Rejection, Timestamp } from '../../../src/protocol/sync.js';
import type { Progress, Reason } from './reason';

// Everything the light knows, and nothing else: events come in with the moment they happened. Moments (`now`,
// `sentAt`) are milliseconds of one stopwatch, except where a name says wall.

/** Why a sync or a connection failed, as far as the light is concerned. */
export interface Failure {
  reason: Reason;
  /** Whether the server itself answered. */
  isAnswer: boolean;
  /** Whether trying again unchanged is pointless. */
  isFinal: boolean;
}

/** One answered ping. */
interface Pong {
  sentAt: number;
  timestamp: Timestamp;
}

/** What is known; only `reduce` makes new ones. */
export interface Facts {
  link: 'down' | 'connecting' | 'up';
  /** Attempts to connect that failed since the last time it worked. */
  linkFailures: number;
  linkFailure: Failure | null;
  pongs: readonly Pong[];
  /** Up to where the server's changes are in the local database; null: never pulled. */
  lastPulledAt: Timestamp | null;
  /** The newest moment on the server's clock that was heard of. */
  serverClock: Timestamp;
  pending: number;
  refused: readonly Rejection[];
  /** The sync under way. */
  run: { startedAt: number; movedAt: number; progress: Omit<Progress, 'secondsLeft'> | null } | null;
  /** Syncs that failed since the last one that worked. */
  failures: number;
  failure: Failure | null;
  incompatible: Reason | null;
  /** Whether the last sync got through, whatever came of the live connection. */
  doRequestsPass: boolean;
  lastSyncedWall: number | null;
  nextTryWall: number | null;
}

/** What can happen. */
export type SyncEvent =
  | { type: 'opened'; lastPulledAt: Timestamp | null; lastSyncedWall: number | null }
  /** The local data now belongs to another history, or to none. */
  | { type: 'reset'; lastPulledAt: Timestamp | null }
  | { type: 'edited' }
  | { type: 'counted'; pending: number; refused: readonly Rejection[] }
  | { type: 'link_connecting' }
  | { type: 'link_up'; timestamp: Timestamp }
  /** `failure` is null when the link was taken down on purpose. */
  | { type: 'link_down'; failure: Failure | null }
  | { type: 'pong'; sentAt: number; timestamp: Timestamp }
  /** The server's clock was heard of otherwise. */
  | { type: 'heard'; timestamp: Timestamp }
  | { type: 'sync_started' }
  | { type: 'sync_moved'; progress: Omit<Progress, 'secondsLeft'> }
  | { type: 'pulled'; timestamp: Timestamp }
  | { type: 'sync_succeeded'; wall: number }
  | { type: 'sync_failed'; failure: Failure; nextTryWall: number | null }
  /** The sync was called off here. */
  | { type: 'sync_stopped' }
  | { type: 'incompatible'; reason: Reason };

/** How old the sending of an answered ping may be to prove that nothing is missing. */
export const PROOF_MS = 3_000;
/** Before anything is known. */
export const nothingKnown: Facts = {
  link: 'down',
  linkFailures: 0,
  linkFailure: null,
  pongs: [],
  lastPulledAt: null,
  serverClock: 0,
  pending: 0,
  refused: [],
  run: null,
  failures: 0,
  failure: null,
  incompatible: null,
  doRequestsPass: false,
  lastSyncedWall: null,
  nextTryWall: null,
};

/** Takes one event into account. */
export function reduce(facts: Facts, event: SyncEvent, now: number): Facts {
  switch (event.type) {
    case 'opened':
      return { ...facts, lastPulledAt: event.lastPulledAt, lastSyncedWall: event.lastSyncedWall };
    case 'reset':
      return {
        ...nothingKnown,
        lastPulledAt: event.lastPulledAt,
        pending: facts.pending,
        refused: facts.refused,
      };
    case 'edited':
      return facts.pending > 0 ? facts : { ...facts, pending: 1 };
    case 'counted':
      return { ...facts, pending: event.pending, refused: event.refused };
    case 'link_connecting':
      return { ...facts, link: 'connecting', pongs: [] };
    case 'link_up':
      return hear({ ...facts, link: 'up', linkFailures: 0, linkFailure: null, pongs: [] }, event.timestamp);
    case 'link_down':
      return {
        ...facts,
        link: 'down',
        pongs: [],
        linkFailures: event.failure ? facts.linkFailures + 1 : 0,
        linkFailure: event.failure,
      };
    case 'pong': {
      const recent = facts.pongs.filter((pong) => now - pong.sentAt <= PROOF_MS);
      const pong = { sentAt: event.sentAt, timestamp: event.timestamp };
      return hear({ ...facts, pongs: [...recent, pong] }, event.timestamp);
    }
    case 'heard':
      return hear(facts, event.timestamp);
    case 'sync_started':
      return { ...facts, run: { startedAt: now, movedAt: now, progress: null }, nextTryWall: null };
    case 'sync_moved':
      return facts.run ? { ...facts, run: { ...facts.run, movedAt: now, progress: event.progress } } : facts;
    case 'pulled':
      return hear({ ...facts, lastPulledAt: event.timestamp }, event.timestamp);
    case 'sync_succeeded':
      return {
        ...facts,
        run: null,
        failures: 0,
        failure: null,
        incompatible: null,
        doRequestsPass: true,
        lastSyncedWall: event.wall,
        nextTryWall: null,
      };
    case 'sync_failed':
      return {
        ...facts,
        run: null,
        failures: facts.failures + 1,
        doRequestsPass: event.failure.isAnswer,
        failure: event.failure,
        nextTryWall: event.nextTryWall,
      };
    case 'sync_stopped':
      return { ...facts, run: null };
    case 'incompatible':
      return { ...facts, run: null, incompatible: event.reason };
  }
}

function hear(facts: Facts, timestamp: Timestamp): Facts {
  return timestamp > facts.serverClock ? { ...facts, serverClock: timestamp } : facts;
}

/**
 * Whether everything the server had at some moment of the last 3 s is here: a ping sent since then was answered with
 * a clock that the last pull has reached, and nothing newer was heard of.
 */
export function isUpToDate(facts: Facts, now: number): boolean {
  const { lastPulledAt } = facts;
  if (facts.link !== 'up' || lastPulledAt === null || facts.serverClock > lastPulledAt) return false;
  return facts.pongs.some((pong) => now - pong.sentAt <= PROOF_MS && pong.timestamp <= lastPulledAt);
}

/** Whether the server has something that is known not to be here yet. */
export function isBehind(facts: Facts): boolean {
  return facts.serverClock > (facts.lastPulledAt ?? 0);
}

/** Whether the server answers at the moment. */
export function hasPulse(facts: Facts, now: number): boolean {
  return facts.link === 'up' && facts.pongs.some((pong) => now - pong.sentAt <= PROOF_MS);
}
