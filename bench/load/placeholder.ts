/** Stands in prepared texts where every request needs an id of its own. */
export const FRESH_ID = 'fresh_id_here';

/** Makes ids of the placeholder's length that no other maker with another `run` makes. */
export function freshIds(run: string): () => string {
  let last = 0;
  return () => `${run}${(last += 1).toString(36).padStart(FRESH_ID.length - run.length, '0')}`;
}
