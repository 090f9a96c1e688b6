import { setTimeout as delay } from 'node:timers/promises';
import { machineMs } from './clock.js';

/** A series of announcements, to one room after another. */
export interface Broadcasts {
  rooms: string[];
  count: number;
  /** Announcements per second; null: all at once. */
  perSecond: number | null;
}

const TICK_MS = 5;

/**
 * Sends a series of announcements.
 * @param announce sends one to a room; its number counts from 1
 * @returns the time of each on the machine's clock, at the index number − 1
 */
export async function paced(
  { rooms, count, perSecond }: Broadcasts,
  announce: (room: string, number: number) => void,
): Promise<number[]> {
  const sentAt: number[] = [];
  const begun = machineMs();
  while (sentAt.length < count) {
    const due = perSecond === null ? count : ((machineMs() - begun) * perSecond) / 1_000;
    while (sentAt.length < Math.min(count, due)) {
      sentAt.push(machineMs());
      announce(rooms[sentAt.length % rooms.length]!, sentAt.length);
    }
    await delay(TICK_MS);
  }
  return sentAt;
}
