/** How long a request may go without a byte sent or received, at first. */
const BASE_MS = 3_000;
const MAX_MS = 60_000;
/** Added per 1,000 characters sent: the time the server may need to process them. */
const MS_PER_SENT_KB = 10;
/** After so many stalls in a row we assume a slow server instead of a broken connection. */
const PATIENT_AFTER = 3;

/**
 * Aborts requests that have stalled. The first limit is short: the connection is probably half-open, and a new one
 * costs little. After several stalls in a row the limit doubles each time.
 */
export class StallWatch {
  private stalls = 0;

  /** Forgets past stalls; call after a new live connection or any answer of the server. */
  reset(): void {
    this.stalls = 0;
  }

  /** Watches one request. @param sentLength characters or bytes sent @param patienceMs the least limit */
  watch(
    sentLength: number,
    abort: () => void,
    patienceMs = 0,
  ): { moved(): void; end(): void; hasStalled: boolean } {
    const factor = 2 ** Math.max(0, this.stalls - PATIENT_AFTER + 1);
    const usualMs = Math.min(BASE_MS * factor + (sentLength / 1_000) * MS_PER_SENT_KB, MAX_MS);
    const limitMs = Math.max(usualMs, patienceMs);
    const stalled = (): void => {
      watched.hasStalled = true;
      this.stalls += 1;
      abort();
    };
    let timer = setTimeout(stalled, limitMs);
    const watched = {
      hasStalled: false,
      moved: () => {
        clearTimeout(timer);
        timer = setTimeout(stalled, limitMs);
      },
      end: () => clearTimeout(timer),
    };
    return watched;
  }
}
