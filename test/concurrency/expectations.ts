import { difference, firstPull } from '../convergence/replica.js';
import type { Changes } from '../convergence/ledger.js';
import type { TestDevice } from '../support/device.js';
import { game } from '../support/records.js';
import { pushAtOnce, type CrowdReport } from './crowd.js';

/** Checks that no pull skipped a change: devices with incremental pulls hold the result of all pushes. */
export function expectNothingSkipped(report: CrowdReport, pushes: number): void {
  expect(report.stamps).toHaveLength(pushes);
  expect(new Set(report.stamps).size).toBe(pushes);
  expect(report.server.timestamp).toBe(Math.max(...report.stamps));
  expect(difference(report.expected, report.server.rows)).toBeUndefined();
  for (const replica of report.replicas) expect(difference(report.server.rows, replica)).toBeUndefined();
}

type Contest = 'create' | 'update' | 'delete';

/** The push of one device in a contest: its version of the record, and a row of its own. */
function entryOf(contest: Contest, id: string, device: number): Changes {
  const created = [game(besideId(contest, id, device))];
  const version = game(id, { name: `${contest} by ${device}` });
  if (contest === 'create') return { games: { created: [version, ...created] } };
  if (contest === 'update' || device % 2 === 1) return { games: { created, updated: [version] } };
  return { games: { created, deleted: [id] } };
}

function besideId(contest: Contest, id: string, device: number): string {
  return `beside-${contest}-${id}-${device}`;
}

/**
 * Devices contest one record several times: they create it, edit it, and delete it against edits, each time all based
 * on the same pull. Exactly one push must be applied, as a whole; all others must be refused.
 */
export async function expectOneWinnerEach(
  devices: TestDevice[],
  urls: string[],
  records: number,
): Promise<void> {
  const [first] = devices as [TestDevice];
  for (let n = 0; n < records; n += 1) {
    const id = `contested-${n}`;
    for (const contest of ['create', 'update', 'delete'] as const) {
      const { timestamp } = await firstPull(first);
      const replies = await pushAtOnce(devices, urls, timestamp, (device) => entryOf(contest, id, device));

      const winners = replies.flatMap(({ status }, device) => (status === 200 ? [device] : []));
      const isDeleted = contest === 'delete' && winners.every((device) => device % 2 === 0);
      // Deletions do not conflict with each other, so if one of them wins, all of them may.
      if (!isDeleted) expect(winners).toHaveLength(1);
      expect(winners.length).toBeGreaterThan(0);
      for (const reply of replies.filter(({ status }) => status !== 200)) {
        const body = { code: 'PUSH_CONFLICT', conflicts: [{ table: 'games', id }] };
        expect(reply).toMatchObject({ status: 409, body });
      }

      const games = (await firstPull(first)).rows.games ?? [];
      const contested = games.find((row) => row.id === id);
      expect(contested?.name).toBe(isDeleted ? undefined : `${contest} by ${winners[0]}`);
      // All or nothing: of the rows pushed with the contested record, only the winners' exist.
      const beside = games
        .map((row) => row.id)
        .filter((other) => other.startsWith(`beside-${contest}-${id}-`));
      expect(beside.sort()).toEqual(winners.map((device) => besideId(contest, id, device)).sort());
    }
  }
}
