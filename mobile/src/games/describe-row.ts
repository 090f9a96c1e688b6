import type { DescribeRow } from '@tidemark/client';
import { Q, type Database } from '@nozbe/watermelondb';

/** Names rows in the notices of the sync, such as `round 7`. */
export function describeRowsOf(database: Database): DescribeRow {
  return async (table, raw) => {
    switch (table) {
      case 'games':
        return raw.name ? `the game “${raw.name}”` : 'the game';
      case 'game_players':
        return raw.name ? `the player “${raw.name}”` : 'a player';
      case 'rounds':
        return `round ${raw.round_number}`;
      case 'scores': {
        const [round] = await database
          .get('rounds')
          .query(Q.where('id', raw.round_id as string))
          .unsafeFetchRaw();
        return round ? `round ${round.round_number}` : 'a score';
      }
      default:
        return 'an entry';
    }
  };
}
