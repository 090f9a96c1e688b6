import type { Checkpoint, Timestamp } from '../../../src/protocol/sync.js';

/** The clock's value in a checkpoint. */
export function stampOf(checkpoint: Checkpoint): Timestamp {
  return Number.parseInt(checkpoint, 10);
}

/**
 * The checkpoint with the greater stamp. Of two with the same stamp it is the one known first: the server has taken that
 * stamp twice and must be asked about the first.
 */
export function newerOf(known: Checkpoint | null, told: Checkpoint | null | undefined): Checkpoint | null {
  if (!told) return known;
  return known === null || stampOf(told) > stampOf(known) ? told : known;
}
