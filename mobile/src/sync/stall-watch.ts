/** How long a request may go without moving a byte, at first. */
const BASE_MS = 3_000;
const MAX_MS = 60_000;
/** The server may take this long to work on what was sent to it. */
const MS_PER_SENT_KB = 10;
/** So many stalls in a row are taken for a slow server, not for a broken connection. */
const PATIENT_AFTER = 3;

/**
 * Gives requests up that have stopped moving. A half-open connection is given up soon, for a new one costs little;
 * when several in a row are silent, more patience is due each time.
 */
export class StallWatch {
  private stalls = 0;

  /** For a new connection to the server, or any answer of its. */
  reset(): void {
    this.stalls = 0;
  }

  /** Starts watching one request of that many characters, which may be silent for at least `patienceMs`. */
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
