import type { Rejection } from '../../../src/protocol/sync.js';
import { hasPulse, isUpToDate, type Facts } from './facts.js';
import type { Progress, Reason } from './reason.js';

/** The state of syncing between this device and the server. */
export type SyncState =
  | 'disconnected'
  | 'connecting'
  | 'catching_up'
  | 'syncing'
  | 'synced'
  | 'attention'
  | 'stuck'
  | 'incompatible';

/** The color of the status light. */
export type Light = 'grey' | 'yellow' | 'green' | 'amber' | 'red';

/** What the status light and its details show. */
export interface SyncStatus {
  state: SyncState;
  light: Light;
  /** How many local changes the server has not acknowledged, refused rows not included. */
  pending: number;
  /** Why, in the states `stuck` and `incompatible`, and in `attention` where changes cannot go; else null. */
  reason: Reason | null;
  /** Of a long sync under way; null: none. */
  progress: Progress | null;
  /** Rows that the server refused for good; they stay on this device. */
  refused: Rejection[];
  /** Epoch ms; null: never. */
  lastSyncedAt: number | null;
  /** Epoch ms of the next try; null: not waiting for one. */
  nextTryAt: number | null;
}

/** After so long without a byte sent or received a sync is stuck. */
export const STALL_MS = 10_000;
/** After so many failures in a row a sync is stuck. */
export const STUCK_FAILURES = 3;
/** After so many failures to connect, while requests succeed, live connections count as blocked. */
const BLOCKED_FAILURES = 6;
/** Progress is shown when a sync takes this long or has this many rows. */
const LONG_SYNC_MS = 700;
const LONG_SYNC_ROWS = 500;

const LIGHTS: Record<SyncState, Light> = {
  disconnected: 'grey',
  connecting: 'yellow',
  catching_up: 'yellow',
  syncing: 'green',
  synced: 'green',
  attention: 'amber',
  stuck: 'red',
  incompatible: 'red',
};

const NO_LIVE_CONNECTION: Reason = {
  code: 'NO_LIVE_CONNECTION',
  message: 'Requests reach the server, but a live connection does not.',
  hint: 'Something on the way, such as a proxy, may block WebSockets. Changes still sync every minute.',
};
const STALLED: Reason = {
  code: 'STALLED',
  message: 'The server can be reached, but nothing moves.',
  hint: 'Everything is saved on this device. It keeps trying.',
};

/** The status to show at this moment. */
export function statusOf(facts: Facts, now: number): SyncStatus {
  const stuckBy = reasonToBeStuck(facts, now);
  const state = stateOf(facts, stuckBy, now);
  return {
    state,
    light: LIGHTS[state],
    pending: facts.pending,
    reason: reasonOf(facts, state, stuckBy),
    progress: progressOf(facts, now),
    refused: [...facts.refused],
    lastSyncedAt: facts.lastSyncedWall,
    nextTryAt: facts.nextTryWall,
  };
}

function reasonOf(facts: Facts, state: SyncState, stuckBy: Reason | null): Reason | null {
  if (state === 'incompatible') return facts.incompatible;
  if (state === 'stuck') return stuckBy;
  return state === 'attention' && isHindered(facts) ? facts.obstacle : null;
}

function isHindered({ obstacle, pending }: Facts): boolean {
  return obstacle !== null && pending > 0;
}

function stateOf(facts: Facts, stuckBy: Reason | null, now: number): SyncState {
  if (facts.incompatible) return 'incompatible';
  if (stuckBy) return 'stuck';
  // After a failure, further attempts show as `disconnected`, or the light would blink with each of them.
  if (facts.link !== 'up') {
    return facts.link === 'connecting' && facts.linkFailures === 0 ? 'connecting' : 'disconnected';
  }
  if (isUpToDate(facts, now)) {
    if (facts.refused.length > 0 || isHindered(facts)) return 'attention';
    return facts.pending > 0 ? 'syncing' : 'synced';
  }
  return hasPulse(facts, now) ? 'catching_up' : 'connecting';
}

function reasonToBeStuck(facts: Facts, now: number): Reason | null {
  const { failure, linkFailure, run } = facts;
  if (linkFailure?.isFinal) return linkFailure.reason;
  if (failure?.isFinal) return failure.reason;
  const isReachable = facts.link === 'up' || failure?.isAnswer === true;
  if (failure && facts.failures >= STUCK_FAILURES && isReachable) return failure.reason;
  if (run && run.progress?.phase !== 'apply' && now - run.movedAt > STALL_MS && hasPulse(facts, now)) {
    return STALLED;
  }
  if (facts.linkFailures >= BLOCKED_FAILURES && facts.doRequestsPass) return NO_LIVE_CONNECTION;
  return null;
}

function progressOf(facts: Facts, now: number): Progress | null {
  const { run } = facts;
  if (!run?.progress) return null;
  const { progress, startedAt } = run;
  const elapsed = now - startedAt;
  if (elapsed < LONG_SYNC_MS && (progress.totalRows ?? 0) < LONG_SYNC_ROWS) return null;
  return { ...progress, secondsLeft: secondsLeft(progress, elapsed) };
}

function secondsLeft(progress: Omit<Progress, 'secondsLeft'>, elapsedMs: number): number | null {
  const { rows, totalRows, bytes, totalBytes, phase } = progress;
  if (phase === 'apply') return null;
  const share = totalBytes ? bytes / totalBytes : totalRows ? rows / totalRows : 0;
  if (share <= 0.02 || share > 1) return null;
  return Math.ceil(((elapsedMs / share) * (1 - share)) / 1_000);
}
