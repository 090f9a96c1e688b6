import type { Timestamp } from '../protocol/sync.js';
import type { GameState } from '../shares/scoreboard.reader.js';
import { EncodedEvent } from '../foundation/sockets/encoded-event.js';
import { SingleFlight } from '../foundation/flow/single-flight.js';

/** A game's state as its watchers get it. */
export interface SharedScoreboard {
  /** The account's clock at which the game became so. */
  timestamp: Timestamp;
  /** The event `scoreboard`. */
  event: EncodedEvent;
}

/** One shared game, read and encoded once for all its watchers; at most one read runs and one waits, however often it changes. */
export class WatchedGame {
  /** As last read; null: not read yet, or the game was deleted. */
  scoreboard: SharedScoreboard | null = null;
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
  refresh(): Promise<SharedScoreboard | null> {
    return this.reading.run();
  }

  private async readNow(): Promise<SharedScoreboard | null> {
    const { clock, tables } = await this.read();
    const hasChanged = tables !== this.tables;
    this.clock = clock;
    if (hasChanged) {
      this.tables = tables;
      this.scoreboard = tables === null ? null : encode(clock, tables);
    }
    this.onRead(this, hasChanged);
    return this.scoreboard;
  }
}

/** @param tables as JSON text, of `Scoreboard['tables']` */
function encode(timestamp: Timestamp, tables: string): SharedScoreboard {
  const event = new EncodedEvent('scoreboard', `{"timestamp":${timestamp},"tables":${tables}}`);
  return { timestamp, event };
}
