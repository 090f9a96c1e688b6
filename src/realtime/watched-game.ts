import type { Scoreboard } from '../protocol/events.js';
import type { Timestamp } from '../protocol/sync.js';
import type { GameState } from '../shares/scoreboard.reader.js';
import { SingleFlight } from '../foundation/flow/single-flight.js';

/** One shared game, read once however many watch it; however often it changes, one reading runs and one waits. */
export class WatchedGame {
  /** As last read; null: not read yet, or the game is gone. */
  scoreboard: Scoreboard | null = null;
  /** The account's clock at the last reading: while it stands, nothing can have changed. */
  clock: Timestamp | null = null;
  private tables: string | null = null;
  private readonly reading = new SingleFlight(() => this.readNow());

  /**
   * @param read reads the game as it is when called
   * @param onRead is told after a reading whether anything was different from before
   */
  constructor(
    private readonly read: () => Promise<GameState>,
    private readonly onRead: (game: WatchedGame, hasChanged: boolean) => void,
  ) {}

  /** Reads the game as it is now, or a moment later. @returns null when it is gone */
  refresh(): Promise<Scoreboard | null> {
    return this.reading.run();
  }

  private async readNow(): Promise<Scoreboard | null> {
    const { clock, tables } = await this.read();
    const hasChanged = tables !== this.tables;
    this.clock = clock;
    if (hasChanged) {
      this.tables = tables;
      this.scoreboard =
        tables === null ? null : { timestamp: clock, tables: JSON.parse(tables) as Scoreboard['tables'] };
    }
    this.onRead(this, hasChanged);
    return this.scoreboard;
  }
}
