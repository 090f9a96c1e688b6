import type { Changes } from '../convergence/ledger.js';
import { firstPull, redirect, Replica, type FirstPull, type Snapshot } from '../convergence/replica.js';
import type { Reply, TestDevice } from '../support/device.js';
import { game, player, type Game } from '../support/records.js';

/** The outcome of many devices that push and pull at once. */
export interface CrowdReport {
  /** The `timestamp` of every accepted push. */
  stamps: number[];
  /** The rows that result from all accepted pushes. */
  expected: Snapshot;
  /** The data of each device that pulled only incremental changes. */
  replicas: Snapshot[];
  /** A first pull afterwards. */
  server: FirstPull;
}

/** Registers `count` devices of one account. */
export async function family(first: TestDevice, count: number): Promise<TestDevice[]> {
  const devices = [first];
  while (devices.length < count) devices.push(await first.pair({ name: `phone ${devices.length}` }));
  return devices;
}

/**
 * Every device alternates between pull and push, all devices at once, while further devices only pull. Each request
 * goes to the next of the `urls`, so that two servers on one database serve the same account in turns.
 */
export async function runCrowd(
  devices: TestDevice[],
  onlookers: TestDevice[],
  urls: string[],
  pushesEach: number,
): Promise<CrowdReport> {
  const stamps: number[] = [];
  const expected = { games: new Map<string, Game>(), players: new Map<string, ReturnType<typeof player>>() };
  const members = devices.map((device) => new Replica(device));
  const watchers = onlookers.map((device) => new Replica(device));
  let requests = 0;
  const pull = (replica: Replica): Promise<void> => {
    redirect(replica.device, urls[requests++ % urls.length] as string);
    return replica.pull();
  };

  const play = async (replica: Replica, member: number): Promise<void> => {
    for (let turn = 0; turn < pushesEach; turn += 1) {
      await pull(replica);
      const { changes, games, players, deleted } = turnOf(member, turn);
      redirect(replica.device, urls[requests++ % urls.length] as string);
      const reply = await replica.push(changes);
      if (reply.status !== 200)
        throw new Error(`push ${turn} of device ${member}: ${JSON.stringify(reply.body)}`);
      stamps.push((reply.body as { timestamp: number }).timestamp);
      for (const row of games) expected.games.set(row.id, row);
      for (const row of players) expected.players.set(row.id, row);
      for (const id of deleted) expected.players.delete(id);
    }
  };

  let isOver = false;
  const watch = async (replica: Replica): Promise<void> => {
    while (!isOver) await pull(replica);
  };
  const playing = Promise.all(members.map(play)).finally(() => (isOver = true));
  await Promise.all([playing, ...watchers.map(watch)]);

  const everyone = [...members, ...watchers];
  await Promise.all(everyone.map(pull));
  return {
    stamps,
    expected: { games: [...expected.games.values()], game_players: [...expected.players.values()] },
    replicas: everyone.map((replica) => replica.snapshot()),
    server: await firstPull(devices[0] as TestDevice),
  };
}

/** One push: a new game with some players, an edit of the game before it, a player of that one deleted. */
function turnOf(member: number, turn: number) {
  const id = (n: number): string => `game-${member}-${n}`;
  const seats = 1 + ((member * 7 + turn * 5) % 12);
  const created = game(id(turn));
  const players = Array.from({ length: seats }, (_, seat) =>
    player(`player-${member}-${turn}-${seat}`, created.id, { name: `Seat ${seat}`, position: seat }),
  );
  const edited = turn > 0 ? [game(id(turn - 1), { name: `Edited by ${member}`, target_score: turn })] : [];
  const deleted = turn > 0 ? [`player-${member}-${turn - 1}-0`] : [];
  const changes: Changes = {
    games: { created: [created], updated: edited, deleted: [] },
    game_players: { created: players, updated: [], deleted },
  };
  return { changes, games: [created, ...edited], players, deleted };
}

/** All devices push at once, each its own changes, all based on the same pull. */
export function pushAtOnce(
  devices: TestDevice[],
  urls: string[],
  lastPulledAt: number,
  changesOf: (device: number) => Changes,
): Promise<Reply[]> {
  return Promise.all(
    devices.map((device, n) =>
      redirect(device, urls[n % urls.length] as string).push(changesOf(n), lastPulledAt),
    ),
  );
}
