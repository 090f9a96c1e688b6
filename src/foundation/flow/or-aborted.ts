/** Waits for `work` until the signal aborts, which does not stop the work. @throws the signal's reason */
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
