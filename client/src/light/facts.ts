import type { Checkpoint, Rejection, Timestamp } from '../../../src/protocol/sync.js';
import { newerOf, stampOf } from './checkpoint.js';
import type { Progress, Reason } from './reason.js';

// All that the light is computed from. `reduce` turns events, each with the moment it happened, into facts. Moments
// (`now`, `sentAt`) are milliseconds of one stopwatch; names with `Wall` are epoch ms.

/** Why a sync or a connection failed: the parts that the light needs. */
export interface Failure {
  reason: Reason;
  /** Whether the server itself answered. */
  isAnswer: boolean;
  /** Whether a retry without a change would fail again. */
  isFinal: boolean;
}

/** One answered ping. */
interface Pong {
  sentAt: number;
  timestamp: Timestamp;
}

/** What an answer told about the account's clock; older servers tell no checkpoint. */
export interface Told {
  timestamp: Timestamp;
  checkpoint?: Checkpoint;
}

/** What is known about syncing; only `reduce` makes new ones. */
export interface Facts {
  link: 'down' | 'connecting' | 'up';
  /** How many attempts to connect have failed since the last one that worked. */
  linkFailures: number;
  linkFailure: Failure | null;
  pongs: readonly Pong[];
  /** The stamp up to which the local database has the server's changes; null: never pulled. */
  lastPulledAt: Timestamp | null;
  /** The newest value of the account's clock that the server has sent. */
  serverClock: Timestamp;
  /** The newest checkpoint that the server has sent, in this run of the app or before; null: none. */
  checkpoint: Checkpoint | null;
  pending: number;
  refused: readonly Rejection[];
  /** The sync under way; null: none. */
  run: { startedAt: number; movedAt: number; progress: Omit<Progress, 'secondsLeft'> | null } | null;
  /** How many syncs have failed since the last one that worked. */
  failures: number;
  failure: Failure | null;
  incompatible: Reason | null;
  /** Why the pending changes cannot go although the connection works; null: they can. */
  obstacle: Reason | null;
  /** Whether the server answered the last sync's requests, with or without a live connection. */
  doRequestsPass: boolean;
  lastSyncedWall: number | null;
  nextTryWall: number | null;
}

/** The events that change the facts. */
export type SyncEvent =
  | {
      type: 'opened';
      lastPulledAt: Timestamp | null;
      checkpoint: Checkpoint | null;
      lastSyncedWall: number | null;
    }
  /** The local data now belongs to another history, or to none. */
  | { type: 'reset'; lastPulledAt: Timestamp | null; checkpoint: Checkpoint | null }
  | { type: 'edited' }
  | { type: 'counted'; pending: number; refused: readonly Rejection[] }
  | { type: 'link_connecting' }
  | { type: 'link_up'; timestamp: Timestamp }
  /** `failure` is null when this client closed the link. */
  | { type: 'link_down'; failure: Failure | null }
  | ({ type: 'pong'; sentAt: number } & Told)
  /** The server sent its clock in something other than a ping's answer. */
  | ({ type: 'heard' } & Told)
  | { type: 'sync_started' }
  | { type: 'sync_moved'; progress: Omit<Progress, 'secondsLeft'> }
  | { type: 'pulled'; timestamp: Timestamp }
  | { type: 'sync_succeeded'; wall: number }
  | { type: 'sync_failed'; failure: Failure; nextTryWall: number | null }
  /** This client aborted the sync, or stopped between two. */
  | { type: 'sync_stopped' }
  | { type: 'obstacle'; reason: Reason | null }
  | { type: 'incompatible'; reason: Reason };

/** How long after it was sent an answered ping still proves that nothing is missing. */
export const PROOF_MS = 3_000;
/** The facts at the start. */
export const nothingKnown: Facts = {
  link: 'down',
  linkFailures: 0,
  linkFailure: null,
  pongs: [],
  lastPulledAt: null,
  serverClock: 0,
  checkpoint: null,
  pending: 0,
  refused: [],
  run: null,
  failures: 0,
  failure: null,
  incompatible: null,
  obstacle: null,
  doRequestsPass: false,
  lastSyncedWall: null,
  nextTryWall: null,
};

/** The facts after one event. */
export function reduce(facts: Facts, event: SyncEvent, now: number): Facts {
  switch (event.type) {
    case 'opened': {
      const { lastPulledAt, lastSyncedWall } = event;
      return recall({ ...facts, lastPulledAt, lastSyncedWall }, event.checkpoint);
    }
    case 'reset': {
      const { pending, refused } = facts;
      return recall(
        { ...nothingKnown, lastPulledAt: event.lastPulledAt, pending, refused },
        event.checkpoint,
      );
    }
    case 'edited':
      return facts.pending > 0 ? facts : { ...facts, pending: 1 };
    case 'counted':
      return { ...facts, pending: event.pending, refused: event.refused };
    case 'link_connecting':
      return { ...facts, link: 'connecting', pongs: [] };
    case 'link_up':
      return hear({ ...facts, link: 'up', linkFailures: 0, linkFailure: null, pongs: [] }, event);
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
      if (isOfThePast(facts, event)) return { ...facts, pongs: recent };
      const pong = { sentAt: event.sentAt, timestamp: event.timestamp };
      return hear({ ...facts, pongs: [...recent, pong] }, event);
    }
    case 'heard':
      return hear(facts, event);
    case 'sync_started':
      return { ...facts, run: { startedAt: now, movedAt: now, progress: null }, nextTryWall: null };
    case 'sync_moved':
      return facts.run ? { ...facts, run: { ...facts.run, movedAt: now, progress: event.progress } } : facts;
    case 'pulled':
      return hear({ ...facts, lastPulledAt: event.timestamp }, event);
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
      return { ...facts, run: null, nextTryWall: null };
    case 'obstacle':
      return { ...facts, obstacle: event.reason };
    case 'incompatible':
      return { ...facts, run: null, nextTryWall: null, incompatible: event.reason };
  }
}

/** What was stored tells of the server's clock too: an answer below it is none of a server that lost nothing. */
function recall(facts: Facts, checkpoint: Checkpoint | null): Facts {
  return hear(facts, { timestamp: facts.lastPulledAt ?? 0, checkpoint: checkpoint ?? undefined });
}

function hear(facts: Facts, { timestamp, checkpoint }: Told): Facts {
  const stamp = checkpoint ? stampOf(checkpoint) : 0;
  const serverClock = Math.max(facts.serverClock, timestamp, stamp);
  return { ...facts, serverClock, checkpoint: newerOf(facts.checkpoint, checkpoint) };
}

/**
 * Whether a ping's answer tells less than the server has told before, or another mark of the same stamp. Such an answer
 * is late, or the server's data was put back to an earlier state; a pull finds out which.
 */
export function isOfThePast({ serverClock, checkpoint }: Facts, pong: Told): boolean {
  if (pong.timestamp < serverClock) return true;
  if (!pong.checkpoint || !checkpoint) return false;
  return stampOf(pong.checkpoint) === stampOf(checkpoint) && pong.checkpoint !== checkpoint;
}

/**
 * Whether this device has everything that the server had at some moment of the last 3 s: a ping sent since then was
 * answered with a clock that the last pull has reached, and the server has sent no newer clock.
 */
export function isUpToDate(facts: Facts, now: number): boolean {
  const { lastPulledAt } = facts;
  if (facts.link !== 'up' || lastPulledAt === null || facts.serverClock > lastPulledAt) return false;
  return facts.pongs.some((pong) => now - pong.sentAt <= PROOF_MS && pong.timestamp <= lastPulledAt);
}

/** Whether the server is known to have changes that this device has not pulled. */
export function isBehind(facts: Facts): boolean {
  return facts.serverClock > (facts.lastPulledAt ?? 0);
}

/** Whether the server answered a ping that was sent in the last 3 s. */
export function hasPulse(facts: Facts, now: number): boolean {
  return facts.link === 'up' && facts.pongs.some((pong) => now - pong.sentAt <= PROOF_MS);
}
