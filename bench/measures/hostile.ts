import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { game, player } from '../../test/support/records.js';
import { PROTOCOL_VERSION } from '../../src/protocol/version.js';
import { alternate, type Contender } from '../alternate.js';
import { timedRequest } from '../lab/http.js';
import { profiled, type Lab } from '../lab/lab.js';
import { Remote } from '../lab/remote.js';
import type { Account, World } from '../lab/world.js';
import type { HostileCalls, HostileRequest } from '../load/hostile.js';
import { judge, type Claim, type Measure } from '../results.js';
import { pushBody } from '../rows.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const TARGET_MS = 250;
const MEMORY_TARGET_MIB = 1_024;
/** Each round has the hostile things in turn; more rounds would only take longer, as the greatest value counts. */
const MOST_ROUNDS = 3;
const SOCKETS = 200;
const ROWS_OF_OTHER = 900;
const ROWS_OF_SLOW = 40_000;
/** A game that is nearly as large as one may be to be watched, and one of 8 MB. */
const PLAYERS = { watched: 6_500, most: 30_000 };
const CHANGES = 10;
const PAUSE_MS = 5;
/** How many records one push may have at the default limits, without the few of its own form. */
const MOST_IDS = 262_100;
const REFUSED_IDS = 4_700_000;

const NOTES = [
  `While hostile clients of one account are at work (they are one other process), somebody else asks GET /health/live, and another account takes first pulls of ${ROWS_OF_OTHER} records, each as soon as the last one is answered. What counts is the slowest of all answers; quiet is the same without the hostile clients.`,
  `Pushes: gzipped ones of ${REFUSED_IDS.toLocaleString('en')} ids of an unknown table (refused) and of ${MOST_IDS.toLocaleString('en')} (as many as one push may have). Watchers: ${SOCKETS} sockets by one link to a game of ${PLAYERS.watched.toLocaleString('en')} players, who read nothing while the game changes ${CHANGES} times and then grows to ${PLAYERS.most.toLocaleString('en')} players, about 8 MB. Readers: ${SOCKETS} first pulls of ${ROWS_OF_SLOW.toLocaleString('en')} records that read nothing.`,
  'Memory: the peak of the server process while the two pushes are answered.',
];

type HostileSample = { liveMs: number; pullMs: number; peakMiB: number };

/** The hostile account and what it sends. */
interface Attack {
  world: World;
  clients: Remote<HostileCalls>;
  account: Account;
  pushes: Uint8Array[];
}

export const hostile: Measure = {
  name: 'hostile',
  title: 'While hostile clients of another account are at work',
  run: (lab) => onEachDatabase(lab, NOTES, (world) => measureOn(lab, world)),
};

async function measureOn(lab: Lab, world: World): Promise<Results> {
  const { label } = world;
  await using clients = await Remote.start<HostileCalls>('load/hostile.ts', [], {});
  const other = await world.newAccount(ROWS_OF_OTHER);
  const account = await world.newAccount();
  const slow = await world.newAccount(ROWS_OF_SLOW);
  const attack: Attack = {
    world,
    clients,
    account,
    pushes: [REFUSED_IDS, MOST_IDS].map((count) => pushOfUnknownIds(count, account.clock)),
  };
  const during = (name: string, work: () => Promise<void>): Contender<HostileSample> => ({
    name: `${name}, ${label}`,
    run: () => askMeanwhile(world, other, work),
  });
  const rounds = Math.min(lab.settings.rounds, MOST_ROUNDS);
  const series = await alternate(
    { settings: { rounds }, tell: lab.tell },
    {
      quiet: during('quiet', () => delay(lab.settings.seconds * 1_000)),
      pushes: during('pushes of unknown ids', () => push(attack)),
      watchers: during('watchers who read nothing', () => watch(attack)),
      readers: during('pulls that nobody reads', () => readNothing(attack, slow, lab.settings.seconds)),
    },
  );
  const slowest = (what: string, by: keyof typeof series, key: 'liveMs' | 'pullMs', who: string): Claim => ({
    compares: `${label}: slowest ${what} during ${who} (quiet: ${series.quiet.max(key).toFixed(0)} ms)`,
    value: series[by].max(key),
    unit: 'ms',
    bound: '≤',
    target: TARGET_MS,
  });
  const claims = (
    [
      ['pushes', 'pushes of unknown ids'],
      ['watchers', `${SOCKETS} watchers who read nothing`],
      ['readers', `${SOCKETS} pulls that nobody reads`],
    ] as const
  ).flatMap(([by, who]) => [
    slowest('GET /health/live', by, 'liveMs', who),
    slowest('pull of another account', by, 'pullMs', who),
  ]);
  claims.push({
    compares: `${label}: peak memory of the server during pushes of unknown ids`,
    value: series.pushes.max('peakMiB'),
    unit: 'MiB',
    bound: '≤',
    target: MEMORY_TARGET_MIB,
  });
  return {
    figures: figuresOf(series, [
      ['liveMs', 'GET /health/live, slowest', 'ms'],
      ['pullMs', 'pull of another account, slowest', 'ms'],
      ['peakMiB', 'peak memory of the server', 'MiB'],
    ]),
    claims: await judge(claims, () => profiled(world.tidemark, () => push(attack))),
  };
}

/** Asks one after another until the work has ended. */
async function askMeanwhile(world: World, other: Account, work: () => Promise<void>): Promise<HostileSample> {
  const { url, remote } = world.tidemark;
  let isUnderWay = true;
  const ask = async (path: string, headers: Record<string, string>): Promise<number> => {
    let slowest = 0;
    do {
      slowest = Math.max(slowest, (await timedRequest(url + path, { headers })).ms);
      await delay(PAUSE_MS);
    } while (isUnderWay);
    return slowest;
  };
  await remote.call('settle'); // what the last round left is not this one's
  await remote.call('watch');
  const asking = Promise.all([ask('/health/live', {}), ask('/api/v1/sync/pull', other.headers)]);
  await work().finally(() => (isUnderWay = false));
  const [liveMs, pullMs] = await asking;
  const { peakResidentMiB } = await remote.call('unwatch');
  return { liveMs, pullMs, peakMiB: peakResidentMiB };
}

function pushOfUnknownIds(count: number, lastPulledAt: number): Uint8Array {
  const deleted = Array.from({ length: count }, (_, n) => (n % 1_000_000).toString(36));
  const body = { changes: { boats: { created: [], updated: [], deleted } }, last_pulled_at: lastPulledAt };
  return gzipSync(JSON.stringify(body), { level: 1 });
}

async function push({ world, clients, account, pushes }: Attack): Promise<void> {
  const { url } = world.tidemark;
  for (const body of pushes) {
    const head = [
      'POST /api/v1/sync/push HTTP/1.1',
      `Authorization: ${account.headers.authorization}`,
      'Content-Type: application/json',
      'Content-Encoding: gzip',
    ];
    const status = await clients.call('send', { url, head, body });
    if (status !== 200 && status !== 413) throw new Error(`The push was answered with ${status}.`);
  }
}

async function watch({ world, clients }: Attack): Promise<void> {
  const owner = await world.newAccount();
  const { device } = owner;
  let { clock } = owner;
  const store = async (from: number, to: number, name: string): Promise<void> => {
    const players = Array.from({ length: to - from }, (_, n) =>
      player(`p${from + n}`, 'g', { name: 'x'.repeat(200) }),
    );
    const body = pushBody({ games: [game('g', { name })], game_players: players }, clock);
    const reply = await device.request('POST', '/sync/push', { body });
    if (reply.status !== 200) throw new Error(`The game could not be pushed: ${JSON.stringify(reply.body)}`);
    clock = (reply.body as { timestamp: number }).timestamp;
  };
  await store(0, PLAYERS.watched, 'Begun');
  const { body } = await device.request('POST', '/games/g/shares');
  const share_token = new URL((body as { url: string }).url).hash.replace('#/watch/', '');
  const auth = { share_token, protocol_version: PROTOCOL_VERSION };
  try {
    const admitted = await clients.call('watchAndReadNothing', {
      url: world.tidemark.url,
      auth,
      count: SOCKETS,
    });
    if (admitted < SOCKETS) throw new Error(`Only ${admitted} watchers were let in.`);
    for (let n = 0; n < CHANGES; n++) await store(0, 0, `Changed ${n}`);
    await store(PLAYERS.watched, PLAYERS.most, 'Grown');
  } finally {
    await clients.call('end');
  }
}

async function readNothing({ world, clients }: Attack, slow: Account, seconds: number): Promise<void> {
  const request: HostileRequest = {
    url: world.tidemark.url,
    head: ['GET /api/v1/sync/pull HTTP/1.1', `Authorization: ${slow.headers.authorization}`],
  };
  try {
    await clients.call('readNothing', { requests: Array.from({ length: SOCKETS }, () => request) });
    await delay(seconds * 1_000);
  } finally {
    await clients.call('end');
  }
}
