import { setTimeout as delay } from 'node:timers/promises';
import { machineMs } from './clock.js';

/** A series of announcements, one room after another. */
export interface Broadcasts {
  rooms: string[];
  count: number;
  /** How many a second; null: all at once. */
  perSecond: number | null;
}

const TICK_MS = 5;

/**
 * Has a server announce something so many times.
 * @param announce given the room and the announcement's number, from 1
 * @returns when each of them was sent, by its number − 1, on the machine's clock
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
