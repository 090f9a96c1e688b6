/** Waits until every promise has settled, at most `patienceMs`. */
export async function allSettledWithin(work: Iterable<Promise<unknown>>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, patienceMs)));
  await Promise.race([Promise.allSettled(work), patience]);
  clearTimeout(timer);
}
