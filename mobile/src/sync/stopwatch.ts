/**
 * Measures ages. It never runs backwards, and after a sleep or a change of the wall clock it shows rather too much
 * time gone by than too little: the one clock may stand still while a phone sleeps, the other may be set back.
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

  /** Milliseconds since it was made. */
  readonly read = (): number => {
    const wall = this.wall();
    const steady = this.steady();
    this.elapsed += Math.max(0, wall - this.lastWall, steady - this.lastSteady);
    this.lastWall = wall;
    this.lastSteady = steady;
    return this.elapsed;
  };
}
