/**
 * Measures ages; never runs backwards. It advances by the wall clock or the steady clock, whichever moved more: the
 * steady clock may stop while a phone sleeps, and the wall clock may be set back. So it may show too much time.
 */
export class Stopwatch {
  private elapsed = 0;
  private lastWall: number;
  private lastSteady: number;

  constructor(
    private readonly wall: () => number = Date.now,
    private readonly steady: () => number = () => performance.now(),
  ) {
    this.lastWall = wall();
    this.lastSteady = steady();
  }

  /** Milliseconds since it was created. */
  readonly read = (): number => {
    const wall = this.wall();
    const steady = this.steady();
    this.elapsed += Math.max(0, wall - this.lastWall, steady - this.lastSteady);
    this.lastWall = wall;
    this.lastSteady = steady;
    return this.elapsed;
  };
}
