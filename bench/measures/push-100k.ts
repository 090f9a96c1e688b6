import { alternate, type Contender } from '../alternate.js';
import { profiled, type Lab } from '../lab/lab.js';
import { timedRequest } from '../lab/http.js';
import type { Account, Server, World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import { countRows, gamesFor, makeGames, pushBody } from '../rows.js';
import { onEachDatabase, type Results } from './each-database.js';
import { pull } from './first-pull.js';
import { figuresOf, pullTarget } from './http-load.js';

const ROWS = 100_000;
const NAIVE_ROWS = 10_000;
const OTHERS_ROWS = 1_000;
const WAIT_TARGET_MS = 250;

const NOTES = [
  `While the push runs, another account pulls without a pause, in turns with nothing new and from the beginning (${OTHERS_ROWS.toLocaleString('en')} rows). What counts is the slowest of all these pulls in all rounds.`,
  'After each push a pull tells how many rows the account has now; "rows that arrived" is their share of those pushed.',
  `The naive baseline pushes ${NAIVE_ROWS.toLocaleString('en')} rows only, and the peer takes no part: both would need minutes.`,
];

type CrowdedSample = {
  ms: number;
  slowestPullMs: number;
  pulls: number;
  delayMaxMs: number;
  arrived: number;
};

export const push100k: Measure = {
  name: 'push-100k',
  title: 'Push of 100k rows, and the others meanwhile',
  run: (lab) => onEachDatabase(lab, NOTES, (world) => measureOn(lab, world)),
};

async function measureOn(lab: Lab, world: World): Promise<Results> {
  const { label, tidemark } = world;
  const other = await world.newAccount(OTHERS_ROWS);
  const series = await alternate(lab, {
    tidemark: crowdedPush(`Tidemark on ${label}, 100k rows`, lab, world, tidemark, other, ROWS),
    naive: crowdedPush(`naive on ${label}, 10k rows`, lab, world, await world.naive(), other, NAIVE_ROWS),
  });
  const claims: Claim[] = [
    {
      compares: `${label}: rows that arrived ÷ rows of a push of 100k`,
      value: Math.min(...series.tidemark.values('arrived')),
      unit: '×',
      bound: '≥',
      target: 1,
    },
    {
      compares: `${label}: slowest pull of another account during a push of 100k rows`,
      value: series.tidemark.max('slowestPullMs'),
      unit: 'ms',
      bound: '≤',
      target: WAIT_TARGET_MS,
      reason:
        'The longest stretch without the event loop, once a push, is most of it; the rest is the wait for PostgreSQL, which works on the push on the same two cores.',
    },
  ];
  const explain = async () => profiled(tidemark, await preparePush(lab, world, tidemark, other, ROWS));
  return {
    figures: figuresOf(series, [
      ['ms', 'time of the push', 'ms'],
      ['slowestPullMs', 'slowest pull meanwhile', 'ms'],
      ['pulls', 'pulls meanwhile', ''],
      ['delayMaxMs', 'event-loop delay, greatest', 'ms'],
      ['arrived', 'rows that arrived', '×'],
    ]),
    claims: await judge(claims, explain),
  };
}

function crowdedPush(
  name: string,
  lab: Lab,
  world: World,
  server: Server,
  other: Account,
  rowCount: number,
): Contender<CrowdedSample> {
  const run = async () => (await preparePush(lab, world, server, other, rowCount))();
  return { name, isNotWarmedUp: true, run };
}

/** Prepares a push. @returns a function that only pushes new rows into a new account while another account pulls */
async function preparePush(
  lab: Lab,
  world: World,
  server: Server,
  other: Account,
  rowCount: number,
): Promise<() => Promise<CrowdedSample>> {
  const { device, headers, clock } = await world.newAccount();
  const rows = makeGames(gamesFor(rowCount), lab.newRun());
  const body = Buffer.from(pushBody(rows, clock));
  return async () => {
    let isOver = false;
    await server.remote.call('watch');
    const pushed = timedRequest(`${server.url}/api/v1/sync/push`, { method: 'POST', headers, body });
    const pulled = pullUntil(() => isOver, server, other);
    const [{ ms }, waits] = await Promise.all([pushed.finally(() => (isOver = true)), pulled]);
    const { delayMaxMs } = await server.remote.call('unwatch');
    // Always ask Tidemark: both servers are on one database.
    const reply = await device.pull();
    const arrived = Number(reply.headers.get('tidemark-rows')) / countRows(rows);
    return { ms, slowestPullMs: Math.max(...waits), pulls: waits.length, delayMaxMs, arrived };
  };
}

/** Pulls without pauses; a pull that has begun is finished. @returns the duration of each in ms */
async function pullUntil(isOver: () => boolean, server: Server, account: Account): Promise<number[]> {
  const nothingNew = server.url + pullTarget(account).path;
  const waits: number[] = [];
  while (!isOver()) {
    waits.push((await timedRequest(nothingNew, { headers: account.headers })).ms);
    waits.push((await pull(server, account)).ms);
  }
  return waits;
}
