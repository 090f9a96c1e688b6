import { setTimeout as delay } from 'node:timers/promises';
import { TestDevice } from '../../test/support/device.js';
import { alternate, type Contender } from '../alternate.js';
import { installPeers, PeerUnavailable } from '../lab/peer-packages.js';
import type { Lab } from '../lab/lab.js';
import { Remote } from '../lab/remote.js';
import type { World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import type { Broadcasts } from '../sockets/broadcasts.js';
import type { Client, ClientCalls } from '../sockets/clients.js';
import type { OtherCalls } from '../sockets/other-server.js';
import type { Watched } from '../server/probe.js';
import { deviceClient } from './announcements.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const ACCOUNTS = 400;
const DEVICES = 5;
const CONNECTIONS = ACCOUNTS * DEVICES;
const REGISTERING_AT_ONCE = 8;
/** Announcements sent in one burst, whose duration gives the deliveries per second. */
const BURST = 4_000;
/** Announcements spread over time, as pushes come; each goes to the devices of one account. */
const PACED = 400;
const PACED_PER_SECOND = 200;
const PING_MS = 3_000;
const KIBIBYTE = 1_024;
const MEMORY_TARGET_KIB = 14;

const NOTES = [
  `${CONNECTIONS.toLocaleString('en')} devices in ${ACCOUNTS} accounts of ${DEVICES}, all connections held by one other process, which speaks each protocol barely, so that little of what is measured is its own work. Memory: by how much the resident memory of the server process grew while all of them connected, or the memory in use if that grew by more, garbage collected before and after, in a new process each round. While they ping, each asks once a second.`,
  `Announcements: ${BURST.toLocaleString('en')} at once tell how many deliveries a second are possible; ${PACED} at ${PACED_PER_SECOND} a second, while everyone pings, tell how long one takes. Each goes to the ${DEVICES} devices of one account; all servers send the same payload.`,
  'Bare: Socket.IO alone with one room an account, no tokens, no database, pings answered with the time. Nest’s stock adapter: the same as a `@WebSocketGateway` on the adapter of `@nestjs/platform-socket.io` as it is. Hocuspocus: one document an account, `broadcastStateless`, and an `onAuthenticate` that checks the signature of each token with the library that Tidemark uses (jsonwebtoken); it asks no database, and has no question like the ping. It is measured at its least: the client sends only the token, where Hocuspocus’ own would also synchronise the document.',
];

/** NaN: this contender lacks the feature. */
type ConnectionSample = {
  connectMs: number;
  /** The server's processor time while all devices connect; on a busy machine it varies less than elapsed time. */
  connectCpuMs: number;
  memoryKiB: number;
  pingP99Ms: number;
  pingCpuPercent: number;
  deliveriesPerSecond: number;
  announceP99Ms: number;
};

/** The functions that all servers of this measure offer. */
type HostCalls = Pick<OtherCalls, 'url' | 'settle' | 'watch' | 'unwatch' | 'broadcast'>;

export const connections: Measure = {
  name: 'connections',
  title: '2,000 devices connected',
  run: (lab) => onEachDatabase(lab, NOTES, (world) => measureOn(lab, world)),
};

async function measureOn(lab: Lab, world: World): Promise<Results> {
  const { label } = world;
  lab.tell(`  registering ${CONNECTIONS.toLocaleString('en')} devices on ${label}`);
  const devices = await registerAll(world);
  const rooms = [...new Set(devices.map(({ accountId }) => accountId))];
  const clients = devices.map((device): Client => ({ ...deviceClient(device), protocol: 'bare socket.io' }));
  const bareClients = devices.map((device): Client => ({
    protocol: 'bare socket.io',
    auth: { room: device.accountId },
  }));
  const documents = devices.map((device): Client => ({
    protocol: 'hocuspocus',
    document: device.accountId,
    token: device.accessToken,
  }));
  const { jwtSecret: JWT_SECRET } = world;
  const other = (kind: string) => () =>
    Remote.start<OtherCalls>('sockets/other-server.ts', [kind], { JWT_SECRET });
  const tidemark = async () => (await world.restart()).remote;
  const series = await alternate(lab, {
    tidemark: contender(`Tidemark on ${label}`, tidemark, rooms, clients),
    bare: contender('bare Socket.IO', other('bare'), rooms, bareClients),
    stock: contender('Nest’s stock adapter', other('stock'), rooms, bareClients),
    hocuspocus: hasHocuspocus(lab)
      ? contender('Hocuspocus', other('hocuspocus'), rooms, documents)
      : undefined,
  });

  const ours = series.tidemark;
  const claims: Claim[] = [
    {
      compares: `${label}: memory of a connection`,
      value: ours.median('memoryKiB'),
      unit: 'KiB',
      bound: '≤',
      target: MEMORY_TARGET_KIB,
    },
  ];
  if (series.hocuspocus) {
    claims.push(
      {
        compares: `${label}: time in which all devices connect ÷ that of Hocuspocus`,
        value: ours.median('connectMs') / series.hocuspocus.median('connectMs'),
        unit: '×',
        bound: '≤',
        target: 1,
        reason:
          'Both check the signature of each token; Tidemark also reads device, account and history from the database before it lets a device in, and greets it with what it needs to know. Bare Socket.IO, which asks nobody, needs longer than Hocuspocus by itself.',
      },
      {
        compares: `${label}: announcements delivered a second ÷ those of Hocuspocus`,
        value: ours.median('deliveriesPerSecond') / series.hocuspocus.median('deliveriesPerSecond'),
        unit: '×',
        bound: '≥',
        target: 1,
      },
    );
  }
  return {
    figures: figuresOf(series, [
      ['connectMs', 'time in which all connect', 'ms'],
      ['connectCpuMs', 'its processor time', 'ms'],
      ['memoryKiB', 'memory of a connection', 'KiB'],
      ['pingP99Ms', 'ping, p99', 'ms'],
      ['pingCpuPercent', 'processor while all ping', '%'],
      ['deliveriesPerSecond', 'announcements delivered', '/s'],
      ['announceP99Ms', 'announcement, p99', 'ms'],
    ]),
    claims: await judge(claims),
  };
}

function hasHocuspocus(lab: Lab): boolean {
  if (!lab.settings.withPeer) return false;
  try {
    installPeers();
    return true;
  } catch (error) {
    if (!(error instanceof PeerUnavailable)) throw error;
    lab.tell(`\n!!! HOCUSPOCUS IS LEFT OUT: ${error.message}\n`);
    return false;
  }
}

async function registerAll(world: World): Promise<TestDevice[]> {
  const devices: TestDevice[] = [];
  let accounts = 0;
  const worker = async (): Promise<void> => {
    while (accounts < ACCOUNTS) {
      accounts += 1;
      const first = await TestDevice.register(world.tidemark.url);
      const paired: TestDevice[] = [];
      while (paired.length < DEVICES - 1) paired.push(await first.pair());
      devices.push(first, ...paired);
    }
  };
  await Promise.all(Array.from({ length: REGISTERING_AT_ONCE }, worker));
  return devices;
}

function contender(
  name: string,
  start: () => Promise<Remote<HostCalls>>,
  rooms: string[],
  clients: Client[],
): Contender<ConnectionSample> {
  return {
    name,
    // Every round starts a new process anyway.
    isNotWarmedUp: true,
    run: async () => {
      await using host = await start();
      await using devices = await Remote.start<ClientCalls>('sockets/clients.ts', [], {});
      const before = await host.call('settle');
      const url = await host.call('url');
      await host.call('watch');
      const connectMs = await devices.call('connect', { url, clients });
      const { cpuMs: connectCpuMs }: Watched = await host.call('unwatch');
      const after = await host.call('settle');
      // A process with spare memory takes less from the system than it uses, so take the greater of the two.
      const grown = Math.max(after.residentBytes - before.residentBytes, after.usedBytes - before.usedBytes);
      const memoryKiB = grown / CONNECTIONS / KIBIBYTE;

      await devices.call('startPinging');
      await host.call('watch');
      await delay(PING_MS);
      const watched: Watched = await host.call('unwatch');
      const gentle = await announce(host, devices, {
        rooms,
        count: PACED,
        perSecond: PACED_PER_SECOND,
      });
      const pings = await devices.call('stopPinging');
      const burst = await announce(host, devices, { rooms, count: BURST, perSecond: null });
      const hasPings = pings.count > 0;
      return {
        connectMs,
        connectCpuMs,
        memoryKiB,
        pingP99Ms: pings.p99Ms,
        pingCpuPercent: hasPings ? (watched.cpuMs / watched.elapsedMs) * 100 : NaN,
        deliveriesPerSecond: ((BURST * DEVICES) / burst.totalMs) * 1_000,
        announceP99Ms: gentle.p99Ms,
      };
    },
  };
}

async function announce(
  host: Remote<HostCalls>,
  devices: Remote<ClientCalls>,
  broadcasts: Broadcasts,
): Promise<{ totalMs: number; p99Ms: number }> {
  await devices.call('forget');
  const sentAt = await host.call('broadcast', broadcasts);
  const arrivals = await devices.call('arrived', broadcasts.count * DEVICES);
  const durations = arrivals.map(({ number, atMs }) => atMs - sentAt[number - 1]!).sort((a, b) => a - b);
  const last = arrivals.reduce((latest, { atMs }) => Math.max(latest, atMs), 0);
  return { totalMs: last - sentAt[0]!, p99Ms: durations[Math.floor(durations.length * 0.99)]! };
}
