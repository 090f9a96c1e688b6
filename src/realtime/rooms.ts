import type { Share } from '../shares/shares.repository.js';

// What sockets are addressed by. The id of a socket is a room, too, so the prefixes keep them apart.

/** All devices of an account. */
export const accountRoom = (accountId: string) => `account:${accountId}`;

/** All connections of one device. */
export const deviceRoom = (accountId: string, deviceId: string) => `device:${accountId}/${deviceId}`;

/** All who came by one link. */
export const shareRoom = (shareId: string) => `share:${shareId}`;

/** All who watch one game, by whichever link. */
export const gameRoom = ({ accountId, gameId }: Omit<Share, 'shareId'>) => `game:${accountId}/${gameId}`;
