import { alternate, type Contender } from '../alternate.js';
import { profiled, type Lab } from '../lab/lab.js';
import type { Account, Server, World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import { onEachDatabase, type Results } from './each-database.js';
import { pull } from './first-pull.js';
import { figuresOf, pullTarget } from './http-load.js';

const ROWS = 100_000;
const LARGE = 1_000_000;
const DELAY_TARGET_MS = 20;
const GROWTH_TARGET_MIB = 64;

const NOTES = [
  'Measured inside the server process while one client takes a first pull as fast as it can: the delay of the event loop (sampled every millisecond) and the resident memory (sampled every 10 ms, and its highest mark).',
  'Memory grows from where it stands after a second of pulls with nothing new; what counts is the greatest peak of all rounds, not their median. Nothing is warmed up by a large pull first, and the process keeps what earlier rounds left.',
  'The naive baseline holds all rows at once, so it pulls 100k rows only.',
];

type StreamSample = { ms: number; delayP99Ms: number; delayMaxMs: number; grownMiB: number };

export const streaming: Measure = {
  name: 'streaming',
  title: 'While a first pull streams',
  run: (lab) => onEachDatabase(lab, NOTES, (world) => measureOn(lab, world)),
};

async function measureOn(lab: Lab, world: World): Promise<Results> {
  const { label, tidemark } = world;
  const idle = await world.newAccount();
  const account = await world.newAccount(ROWS);
  lab.tell(`  seeding ${LARGE.toLocaleString('en')} rows on ${label}`);
  const large = await world.newAccount(LARGE);
  const naive = await world.naive();
  const watched = async (name: string, server: Server, of: Account): Promise<Contender<StreamSample>> => {
    await lab.load(server.url, [pullTarget(idle)], true);
    return watchedPull(name, server, of, await residentMiB(server));
  };
  const series = await alternate(lab, {
    some: await watched(`Tidemark on ${label}, 100k rows`, tidemark, account),
    many: await watched(`Tidemark on ${label}, 1M rows`, tidemark, large),
    naive: await watched(`naive on ${label}, 100k rows`, naive, account),
  });

  const delay = (compares: string, value: number): Claim => ({
    compares: `${label}: p99 of the event loop's delay while ${compares} rows stream`,
    value,
    unit: 'ms',
    bound: '≤',
    target: DELAY_TARGET_MS,
  });
  const claims: Claim[] = [
    delay('100k', series.some.median('delayP99Ms')),
    delay('1M', series.many.median('delayP99Ms')),
    {
      compares: `${label}: growth of the process's memory while 1M rows stream`,
      value: series.many.max('grownMiB'),
      unit: 'MiB',
      bound: '≤',
      target: GROWTH_TARGET_MIB,
      reason:
        'The texts of pages are too large for the young generation, so they wait for a full collection. They do not add up: 100k rows reach the same mark.',
    },
  ];
  return {
    figures: figuresOf(series, [
      ['ms', 'time', 'ms'],
      ['delayP99Ms', 'event-loop delay, p99', 'ms'],
      ['delayMaxMs', 'event-loop delay, greatest', 'ms'],
      ['grownMiB', 'memory growth', 'MiB'],
    ]),
    claims: await judge(claims, () => profiled(tidemark, () => pull(tidemark, large))),
  };
}

function watchedPull(
  name: string,
  server: Server,
  account: Account,
  restingMiB: number,
): Contender<StreamSample> {
  return {
    name,
    isNotWarmedUp: true,
    run: async () => {
      await server.remote.call('watch');
      const { ms } = await pull(server, account);
      const { delayP99Ms, delayMaxMs, peakResidentMiB } = await server.remote.call('unwatch');
      return { ms, delayP99Ms, delayMaxMs, grownMiB: peakResidentMiB - restingMiB };
    },
  };
}

async function residentMiB(server: Server): Promise<number> {
  await server.remote.call('watch');
  return (await server.remote.call('unwatch')).residentMiB;
}
