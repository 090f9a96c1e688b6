/** What `work` resolves to, unless the signal aborts before; the work is left to itself then. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let breakOff: () => void;
  const aborted = new Promise<never>((_, reject) => {
    breakOff = () => reject(signal.reason as Error);
    signal.addEventListener('abort', breakOff);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', breakOff!);
  }
}
