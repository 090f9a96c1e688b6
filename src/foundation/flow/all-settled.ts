/** Waits until all of this has ended, one way or the other, or patience has. */
export async function allSettledWithin(work: Iterable<Promise<unknown>>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, patienceMs)));
  await Promise.race([Promise.allSettled(work), patience]);
  clearTimeout(timer);
}
