import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../foundation/errors/app-error.js';
import type { Timestamp } from '../protocol/sync.js';
import { ScoreboardReader } from '../shares/scoreboard.reader.js';
import { SharesRepository, type Share } from '../shares/shares.repository.js';
import { isBusy, untilSent } from '../foundation/sockets/backlog.js';
import { SingleFlight } from '../foundation/flow/single-flight.js';
import { yieldToEventLoop } from '../foundation/flow/yield-to-event-loop.js';
import { gameRoom, shareRoom } from './rooms.js';
import { hangUp, type ClientSocket } from '../foundation/sockets/client-socket.js';
import { ConnectedSockets } from './connected-sockets.js';
import { WatchedGame, type SharedScoreboard } from './watched-game.js';

const MAX_WATCHERS_PER_SHARE = 200;
/** Watchers between two turns of the event loop. */
const SENT_AT_ONCE = 10;

/** The shared games that have watchers in this process. */
@Injectable()
export class WatchedGames {
  private readonly logger = new Logger('Realtime');
  /** Account → game id → game. */
  private readonly accounts = new Map<string, Map<string, WatchedGame>>();
  /** Share id → the check whether it still exists, shared by its watchers. */
  private readonly checks = new Map<string, SingleFlight<Timestamp>>();
  /** Watchers that get the newest scoreboard once the previous one was sent, or their turn has come. */
  private readonly late = new WeakMap<ClientSocket, Promise<void>>();

  constructor(
    private readonly sockets: ConnectedSockets,
    private readonly reader: ScoreboardReader,
    private readonly shares: SharesRepository,
  ) {}

  /**
   * Has the game read, if it changed, for a watcher that is connecting.
   * @returns the timestamp of its scoreboard
   * @throws AppError SHARE_WITHDRAWN when the game was deleted, TOO_MANY_CONNECTIONS, QUOTA_EXCEEDED, OVERLOADED
   */
  async open(share: Share): Promise<Timestamp> {
    if (this.sockets.listIn(shareRoom(share.shareId)).length >= MAX_WATCHERS_PER_SHARE) {
      throw new AppError('TOO_MANY_CONNECTIONS', { detail: 'Too many people watch by this link already.' });
    }
    return this.check(share);
  }

  /** Sends the scoreboard to a watcher that has just joined its rooms. */
  greet(socket: ClientSocket, share: Share): void {
    const game = this.gameOf(share);
    if (game.scoreboard) this.send(socket, game, game.scoreboard);
    else void this.refreshLater(game); // a sweep forgot it after the handshake: the read sends it to the room
  }

  /**
   * Asks the database whether the share still exists and the account's clock has changed; if so, reads the game again.
   * @returns the timestamp of the newest scoreboard, which is sent first
   * @throws AppError SHARE_WITHDRAWN, QUOTA_EXCEEDED, OVERLOADED
   */
  async check(share: Share): Promise<Timestamp> {
    const known = this.checks.get(share.shareId);
    const check = known ?? new SingleFlight(() => this.checkNow(share));
    if (!known) this.checks.set(share.shareId, check);
    return check.run();
  }

  /** Waits until the newest scoreboard was sent to a watcher, or the watcher is cut off. */
  async untilNewestIsSent(socket: ClientSocket): Promise<void> {
    await this.late.get(socket);
  }

  /** Reads an account's watched games again, and sends those that changed to their watchers. */
  async refreshAccount(accountId: string): Promise<void> {
    const games = [...(this.accounts.get(accountId)?.values() ?? [])];
    await Promise.all(games.map((game) => this.refreshLater(game)));
  }

  /** Closes the connections of all watchers who came by this share. */
  withdraw(shareId: string): void {
    for (const socket of this.sockets.listIn(shareRoom(shareId))) {
      hangUp(socket, new AppError('SHARE_WITHDRAWN'));
    }
  }

  /** Forgets games and shares without watchers. */
  sweep(): void {
    for (const [accountId, games] of this.accounts) {
      for (const gameId of games.keys()) {
        if (this.sockets.listIn(gameRoom({ accountId, gameId })).length === 0) games.delete(gameId);
      }
      if (games.size === 0) this.accounts.delete(accountId);
    }
    for (const shareId of this.checks.keys()) {
      if (this.sockets.listIn(shareRoom(shareId)).length === 0) this.checks.delete(shareId);
    }
  }

  private async checkNow(share: Share): Promise<Timestamp> {
    const clock = await this.shares.findClock(share.accountId, share.shareId);
    if (clock === null) throw new AppError('SHARE_WITHDRAWN');
    const game = this.gameOf(share);
    const isCurrent = game.clock === clock && game.scoreboard !== null;
    return found(isCurrent ? game.scoreboard : await game.refresh()).timestamp;
  }

  private gameOf({ accountId, gameId }: Share): WatchedGame {
    const games = this.accounts.get(accountId) ?? new Map<string, WatchedGame>();
    this.accounts.set(accountId, games);
    const known = games.get(gameId);
    if (known) return known;
    const room = gameRoom({ accountId, gameId });
    const game = new WatchedGame(
      () => this.reader.read(accountId, gameId),
      ({ scoreboard }, hasChanged) => {
        if (!scoreboard) this.endGame(room);
        else if (hasChanged) this.sendToAll(this.sockets.listIn(room), game, scoreboard);
      },
    );
    games.set(gameId, game);
    return game;
  }

  /** Sends a new scoreboard to all watchers, some in each turn of the event loop: together they may take hundreds of megabytes. */
  private sendToAll(sockets: ClientSocket[], game: WatchedGame, scoreboard: SharedScoreboard): void {
    let turn = Promise.resolve();
    sockets.forEach((socket, index) => {
      if (index > 0 && index % SENT_AT_ONCE === 0) turn = turn.then(yieldToEventLoop);
      const itsTurn = turn;
      if (index < SENT_AT_ONCE || isBusy(socket)) this.send(socket, game, scoreboard);
      else this.sendLater(socket, game, () => itsTurn);
    });
  }

  /** Sends a scoreboard; a watcher to whom something is still being sent gets the one that is newest then. */
  private send(socket: ClientSocket, game: WatchedGame, scoreboard: SharedScoreboard): void {
    if (isBusy(socket)) this.sendLater(socket, game, () => untilSent(socket));
    else scoreboard.event.sendTo(socket);
  }

  /** Sends the scoreboard that is the newest when its turn has come, however many changes happen before. */
  private sendLater(socket: ClientSocket, game: WatchedGame, turn: () => Promise<void>): void {
    if (this.late.has(socket)) return;
    const sending = turn().then(() => {
      this.late.delete(socket);
      game.scoreboard?.event.sendTo(socket);
    });
    this.late.set(socket, sending);
  }

  private endGame(room: string): void {
    for (const socket of this.sockets.listIn(room)) hangUp(socket, gameDeleted());
  }

  private async refreshLater(game: WatchedGame): Promise<void> {
    try {
      await game.refresh();
    } catch (error) {
      // Expected errors such as OVERLOADED: the watchers' next pings try again.
      if (!(error instanceof AppError)) this.logger.error(error);
    }
  }
}

function found(scoreboard: SharedScoreboard | null): SharedScoreboard {
  if (!scoreboard) throw gameDeleted();
  return scoreboard;
}

function gameDeleted(): AppError {
  return new AppError('SHARE_WITHDRAWN', { detail: 'The game was deleted.' });
}
