import { alternate, type Contender } from '../alternate.js';
import type { Lab } from '../lab/lab.js';
import { Remote } from '../lab/remote.js';
import type { Server, World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import type { Arrival, Client, ClientCalls } from '../sockets/clients.js';
import { TestDevice } from '../../test/support/device.js';
import { schema } from '../../src/protocol/tables.js';
import { PROTOCOL_VERSION } from '../../src/protocol/version.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const PUSHES = 300;
const P50_TARGET_MS = { one: 2, two: 5 };
const P99_TARGET_MS = 20;

const NOTES = [
  `One device pushes ${PUSHES} times, each time one new game, waiting for each answer; another device of the account has a socket open. The time runs from the moment the server's transaction is committed until the announcement is in the hands of the other device's program, on the clock that all processes of this machine share.`,
  'Two processes: the device that listens is connected to one of them, pushes go to the other, and PostgreSQL carries the announcement from one to the other.',
];

type DelaySample = { p50Ms: number; p99Ms: number; maxMs: number };

export const announcements: Measure = {
  name: 'announcements',
  title: 'From the commit to the other device',
  run: (lab) => onEachDatabase(lab, NOTES, (world) => measureOn(lab, world)),
};

async function measureOn(lab: Lab, world: World): Promise<Results> {
  const { label, tidemark } = world;
  await tidemark.remote.call('noteCommits');
  await using clients = await Remote.start<ClientCalls>('sockets/clients.ts', [], {});
  const second = world.database === 'postgres' ? await world.anotherTidemark() : undefined;
  await using _stopped = second?.remote ?? null;
  const series = await alternate(lab, {
    one: contender(`one process, ${label}`, tidemark, tidemark, clients),
    two: second && contender(`two processes, ${label}`, tidemark, second, clients),
  });

  const claims: Claim[] = Object.entries(series).flatMap(([key, one]) => {
    if (!one) return [];
    return [
      {
        compares: `${one.name}: commit → announcement at the other device, p50`,
        value: one.median('p50Ms'),
        unit: 'ms' as const,
        bound: '≤' as const,
        target: P50_TARGET_MS[key as 'one' | 'two'],
      },
      {
        compares: `${one.name}: commit → announcement at the other device, p99`,
        value: one.median('p99Ms'),
        unit: 'ms' as const,
        bound: '≤' as const,
        target: P99_TARGET_MS,
      },
    ];
  });
  return {
    figures: figuresOf(series, [
      ['p50Ms', 'p50', 'ms'],
      ['p99Ms', 'p99', 'ms'],
      ['maxMs', 'greatest', 'ms'],
    ]),
    claims: await judge(claims),
  };
}

function contender(
  name: string,
  pushedTo: Server,
  connectedTo: Server,
  clients: Remote<ClientCalls>,
): Contender<DelaySample> {
  return {
    name,
    run: async () => {
      const phone = await TestDevice.register(pushedTo.url);
      const tablet = await phone.pair();
      await clients.call('connect', { url: connectedTo.url, clients: [deviceClient(tablet)] });
      await clients.call('forget');
      await pushedTo.remote.call('takeCommits');
      let clock = ((await phone.pull()).body as { timestamp: number }).timestamp;
      for (let i = 0; i < PUSHES; i++) {
        const game = { id: `game${i}`, name: `Game ${i}`, started_at: clock };
        clock = ((await phone.push({ games: { updated: [game] } }, clock)).body as { timestamp: number })
          .timestamp;
      }
      const arrivals = await clients.call('arrived', PUSHES);
      await clients.call('disconnect');
      return delays(arrivals, await pushedTo.remote.call('takeCommits'));
    },
  };
}

/** The handshake of a device that has synced before. */
export function deviceClient(device: TestDevice): Extract<Client, { auth: object }> {
  const auth = {
    access_token: device.accessToken,
    protocol_version: PROTOCOL_VERSION,
    schema_version: schema.version,
  };
  return { protocol: 'socket.io', auth };
}

function delays(arrivals: Arrival[], commits: Map<number, number>): DelaySample {
  const sorted = arrivals
    .map(({ number, atMs }) => {
      const committedAt = commits.get(number);
      if (committedAt === undefined) throw new Error(`Nothing was committed at ${number}.`);
      return atMs - committedAt;
    })
    .sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1)! };
}
