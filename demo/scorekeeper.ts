import type { Phone } from '../test/support/phone.js';
import { runningTotals, winningSeat, type PaperGame } from './season.js';

/** Keeps the score of one game as the app does; any phone may take over at any round. */
export class Scorekeeper {
  constructor(readonly game: PaperGame) {}

  /** Enters the game and its players. */
  async begin(phone: Phone): Promise<void> {
    const { id, name, target, startedAt, seats } = this.game;
    await phone.createAll('games', [{ id, name, target_score: target, started_at: startedAt }]);
    await phone.createAll(
      'game_players',
      seats.map((seat, position) => ({
        id: seat.id,
        game_id: id,
        name: seat.name,
        position,
        current_total: 0,
      })),
    );
  }

  /** Enters rounds by their index, `to` not included. */
  async score(phone: Phone, from: number, to: number): Promise<void> {
    for (let index = from; index < to; index += 1) await this.scoreRound(phone, index);
  }

  /**
   * Enters one round. Like many an app it also writes down the totals as this phone sees them: two phones that score
   * offline get those wrong, which is why readers compute totals from the scores.
   */
  async scoreRound(phone: Phone, index: number): Promise<void> {
    const { id: gameId, seats } = this.game;
    const { id, callerSeat, playedAt, hands, scoreIds } = this.game.rounds[index]!;
    const caller_id = seats[callerSeat]!.id;
    const players = await Promise.all(seats.map((seat) => phone.find('game_players', seat.id)));
    const totals = hands.map(
      ({ raw, bonus }, seat) => Number(players[seat]?.current_total ?? 0) + raw + bonus,
    );
    const round_number = index + 1;
    await phone.createAll('rounds', [{ id, game_id: gameId, round_number, caller_id, created_at: playedAt }]);
    await phone.createAll(
      'scores',
      hands.map(({ raw, bonus }, seat) => ({
        id: scoreIds[seat]!,
        round_id: id,
        player_id: seats[seat]!.id,
        raw_score: raw,
        bonus_applied: bonus,
        final_score: raw + bonus,
        total_after: totals[seat]!,
      })),
    );
    for (const [seat, { id: playerId }] of seats.entries()) {
      await phone.update('game_players', playerId, { current_total: totals[seat]! });
    }
  }

  /** Changes what somebody had in hand, on paper and in a phone. */
  async correct(phone: Phone, index: number, seat: number, raw: number): Promise<void> {
    const round = this.game.rounds[index]!;
    const hand = round.hands[seat]!;
    hand.raw = raw;
    await phone.update('scores', round.scoreIds[seat]!, { raw_score: raw, final_score: raw + hand.bonus });
  }

  /** Closes the game for the player with the fewest points. */
  async finish(phone: Phone): Promise<void> {
    await phone.update('games', this.game.id, {
      status: 'finished',
      winner_id: this.game.seats[winningSeat(this.game)]!.id,
      ended_at: this.game.rounds.at(-1)!.playedAt,
    });
  }

  /** Changes the game's own columns, on paper and in a phone. */
  async change(phone: Phone, fields: { name?: string; target_score?: number }): Promise<void> {
    if (fields.name !== undefined) this.game.name = fields.name;
    if (fields.target_score !== undefined) this.game.target = fields.target_score;
    await phone.update('games', this.game.id, fields);
  }

  /** "21 rounds, Dora wins with 61". */
  summary(): string {
    const seat = winningSeat(this.game);
    const points = runningTotals(this.game).at(-1)![seat]!;
    return `${this.game.rounds.length} rounds, ${this.game.seats[seat]!.name} wins with ${points}`;
  }
}
