import { ApiProperty } from '@nestjs/swagger';
import type { ShareProfile } from './shares.repository.js';

const EPOCH_MS = { type: 'integer', format: 'int64' } as const;

/** A link to a game, without its address, which only the answer to its creation has. */
export class ShareAnswer {
  share_id!: string;
  /** Epoch ms. */
  @ApiProperty(EPOCH_MS)
  created_at!: number;
}

/** A new link to a game. */
export class NewShareAnswer extends ShareAnswer {
  /**
   * Opens the scoreboard in a browser. Its token stands in the fragment, which is never sent.
   * @example 'https://sync.example.org/#/watch/wk5Zr0…'
   */
  url!: string;
}

/** Names a share as it travels. */
export function toShareAnswer(share: ShareProfile): ShareAnswer {
  return { share_id: share.shareId, created_at: share.createdAt };
}
