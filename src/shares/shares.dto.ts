import { ApiProperty } from '@nestjs/swagger';
import type { ShareProfile } from './shares.repository.js';

const EPOCH_MS = { type: 'integer', format: 'int64' } as const;

/** A link to a game, without its URL: only the answer to its creation has that. */
export class ShareAnswer {
  share_id!: string;
  /** Epoch ms. */
  @ApiProperty(EPOCH_MS)
  created_at!: number;
}

/** A new link to a game. */
export class NewShareAnswer extends ShareAnswer {
  /**
   * Opens the scoreboard in a browser. The token is in the fragment, which browsers never send.
   * @example 'https://sync.example.org/#/watch/wk5Zr0…'
   */
  url!: string;
}

/** Converts a share to its form on the wire. */
export function toShareAnswer(share: ShareProfile): ShareAnswer {
  return { share_id: share.shareId, created_at: share.createdAt };
}
