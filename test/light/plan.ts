import type { Random } from '../convergence/random.js';
import { drawFaults, type Fault } from './faults.js';

/** What one person does besides scoring. */
export type Habit =
  'background' | 'foreground' | 'offline' | 'online' | 'restart app' | 'edit' | 'clock jumps';

/** One event of a run. */
export type Event =
  | { at: number; client: number; fault: Fault }
  | { at: number; client: number; habit: Habit }
  | { at: number; restart: true };

/** A whole run, drawn from its seed; all times in milliseconds after its start. */
export interface Plan {
  clients: number;
  /** When all faults end. */
  endsAt: number;
  /** Lifetime of access tokens in seconds; null: longer than the run. */
  tokenSeconds: number | null;
  /** In the order of their times. */
  events: Event[];
}

const SHORTEST_MS = 5_000;
const LONGEST_MS = 20_000;
const NO_RESTART_BEFORE_END_MS = 2_000;

/** Draws a run. The same seed gives the same run, except for the machine's timing. */
export function drawPlan(random: Random): Plan {
  const clients = random.integer(2, 4);
  const endsAt = random.integer(SHORTEST_MS, LONGEST_MS);
  const events: Event[] = [];
  for (let client = 0; client < clients; client += 1) {
    const faults = drawFaults(random.fork(), endsAt);
    events.push(...faults.map((fault) => ({ at: fault.at, client, fault })));
    events.push(...drawHabits(random.fork(), client, endsAt));
  }
  const restarts = random.weighted({ 0: 5, 1: 3, 2: 2 });
  for (let count = 0; count < Number(restarts); count += 1) {
    events.push({ at: random.integer(1_000, endsAt - NO_RESTART_BEFORE_END_MS), restart: true });
  }
  return {
    clients,
    endsAt,
    tokenSeconds: random.chance(0.25) ? 10 : null,
    events: events.sort((a, b) => a.at - b.at),
  };
}

function drawHabits(random: Random, client: number, endsAt: number): Event[] {
  const events: Event[] = [];
  // A device that only watches learns of changes through the socket alone: own edits would start syncs.
  const meanPauseMs = random.pick([300, 1_000, 3_000, client === 0 ? 1_000 : Infinity]);
  const add = (at: number, habit: Habit): void => {
    if (at < endsAt) events.push({ at, client, habit });
  };
  for (let at = 0; at < endsAt; at += -Math.log(1 - random.next()) * meanPauseMs) add(at, 'edit');
  if (random.chance(0.4)) {
    const at = random.integer(0, endsAt);
    add(at, 'background');
    add(at + random.integer(100, 6_000), 'foreground');
  }
  if (random.chance(0.3)) {
    const at = random.integer(0, endsAt);
    add(at, 'offline');
    add(at + random.integer(100, 6_000), 'online');
  }
  if (random.chance(0.2)) add(random.integer(0, endsAt), 'restart app');
  if (random.chance(0.2)) add(random.integer(0, endsAt), 'clock jumps');
  return events;
}
