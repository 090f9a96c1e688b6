/** Placeholder in prepared texts for an id that must differ in every request. */
export const FRESH_ID = 'fresh_id_here';

/** Makes unique ids of the placeholder's length; different values of `run` give different ids. */
export function freshIds(run: string): () => string {
  let last = 0;
  return () => `${run}${(last += 1).toString(36).padStart(FRESH_ID.length - run.length, '0')}`;
}
