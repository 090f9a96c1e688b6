import type { Share } from '../shares/shares.repository.js';

// The names of Socket.IO rooms. Each socket's id is a room too, so prefixes keep the names apart.

/** All connections of an account's devices. */
export const accountRoom = (accountId: string) => `account:${accountId}`;

/** All connections of one device. */
export const deviceRoom = (accountId: string, deviceId: string) => `device:${accountId}/${deviceId}`;

/** All watchers who came by one share. */
export const shareRoom = (shareId: string) => `share:${shareId}`;

/** All watchers of one game, by any share. */
export const gameRoom = ({ accountId, gameId }: Omit<Share, 'shareId'>) => `game:${accountId}/${gameId}`;
