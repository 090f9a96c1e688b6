import type { Plan } from './plan.js';
import type { FalseGreen } from './referee.js';

/** The outcome of a run. */
export interface Outcome {
  seed: number;
  plan: Plan;
  /** Epoch ms; the timeline counts from here. */
  startedAt: number;
  /** Whether any light was green before the last fault had ended. */
  wasGreenAmidFaults: boolean;
  /** How often a light was looked at while it was green. */
  greenSamples: number;
  edits: number;
  /** How many devices found out that the server's data was put back. */
  foundOut: number;
  falseGreens: FalseGreen[];
  /** The devices that were not green or not equal to the server in time after the last fault, and why. */
  stuck: string[];
  /** From the last fault to the first green, for each client, ms. */
  timesToGreen: number[];
  /** From the last fault until all devices were green and equal to the server, ms; null: never. */
  timeToEqual: number | null;
  timeline: { at: number; line: string }[];
}
