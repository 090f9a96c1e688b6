import type { Scoreboard } from '../protocol/events.js';
import type { Timestamp } from '../protocol/sync.js';
import type { GameState } from '../shares/scoreboard.reader.js';
import { SingleFlight } from '../foundation/flow/single-flight.js';

/** One shared game, read once for all its watchers; at most one read runs and one waits, however often it changes. */
export class WatchedGame {
  /** As last read; null: not read yet, or the game was deleted. */
  scoreboard: Scoreboard | null = null;
  /** The account's clock at the last read: until the clock changes, the game cannot have changed. Null: not read yet. */
  clock: Timestamp | null = null;
  private tables: string | null = null;
  private readonly reading = new SingleFlight(() => this.readNow());

  /**
   * @param read reads the game's current state
   * @param onRead called after each read; `hasChanged`: the game differs from the previous read
   */
  constructor(
    private readonly read: () => Promise<GameState>,
    private readonly onRead: (game: WatchedGame, hasChanged: boolean) => void,
  ) {}

  /** Reads the game's state, as of the call or later. @returns null when the game was deleted */
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
