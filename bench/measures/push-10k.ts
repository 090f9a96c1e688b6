import { alternate, type Contender } from '../alternate.js';
import { profiled, type Lab } from '../lab/lab.js';
import { timedRequest, type Timed } from '../lab/http.js';
import type { Server, World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import { documents, gamesFor, makeGames, pushBody, ROWS_A_GAME } from '../rows.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const GAMES = gamesFor(10_000);
const ROWS = GAMES * ROWS_A_GAME;
const RAW_TARGET = 3;
const PEER_TARGET = 5;

const NOTES = [
  `${ROWS.toLocaleString('en')} rows (${GAMES} whole games) that no one has seen before, into a new account, all in one request and one transaction; bodies are made before the clock starts.`,
  'Raw: the same rows into the same tables and indexes in one transaction, sorted, parameters made before the clock starts. SQLite: one prepared statement a table, run for each row. PostgreSQL: one statement a table over arrays.',
  'The peer takes the same rows as documents in one `_bulk_docs`; it does not wait for the disk.',
];

type PushSample = { ms: number; rowsPerSecond: number };
const sample = (ms: number): PushSample => ({ ms, rowsPerSecond: (ROWS / ms) * 1_000 });

export const push10k: Measure = {
  name: 'push-10k',
  title: 'Push of 10k new rows',
  run: async (lab) => {
    const peer = await peerPush(lab);
    return onEachDatabase(lab, NOTES, (world) => measureOn(lab, world, peer));
  },
};

async function peerPush(lab: Lab): Promise<Contender<PushSample> | undefined> {
  const peer = await lab.peer();
  if (!peer) return undefined;
  const run = async (): Promise<PushSample> => {
    const address = await peer.newDatabase();
    return sample((await peer.store(address, documents(makeGames(GAMES, lab.newRun())))).ms);
  };
  return { name: 'pouchdb-server', run };
}

async function measureOn(lab: Lab, world: World, peer: Contender<PushSample> | undefined): Promise<Results> {
  const { label, tidemark } = world;
  const raw = await world.raw();
  const series = await alternate(lab, {
    tidemark: pushing(`Tidemark on ${label}`, lab, world, tidemark),
    raw: {
      name: `raw insert, ${label}`,
      run: async () => {
        const run = lab.newRun();
        return sample(await raw.call('insert', { accountId: `raw-${run}`, games: GAMES, run }));
      },
    },
    naive: { ...pushing(`naive on ${label}`, lab, world, await world.naive()), isNotWarmedUp: true },
    peer,
  });

  const claims: Claim[] = [
    {
      compares: `${label}: time of a push of 10k rows over HTTP ÷ time of the raw insert`,
      value: series.tidemark.median('ms') / series.raw.median('ms'),
      unit: '×',
      bound: '≤',
      target: RAW_TARGET,
    },
  ];
  if (series.peer) {
    claims.push({
      compares: `${label}: rows/s of a push ÷ documents/s of the peer's _bulk_docs`,
      value: series.tidemark.median('rowsPerSecond') / series.peer.median('rowsPerSecond'),
      unit: '×',
      bound: '≥',
      target: PEER_TARGET,
    });
  }
  return {
    figures: figuresOf(series, [
      ['ms', 'time', 'ms'],
      ['rowsPerSecond', 'rows', '/s'],
    ]),
    claims: await judge(claims, async () => profiled(tidemark, await preparePush(lab, world, tidemark))),
  };
}

function pushing(name: string, lab: Lab, world: World, server: Server): Contender<PushSample> {
  return { name, run: async () => sample((await (await preparePush(lab, world, server))()).ms) };
}

/** Prepares a push. @returns a function that only pushes new rows into a new account */
async function preparePush(lab: Lab, world: World, server: Server): Promise<() => Promise<Timed>> {
  const { headers, clock } = await world.newAccount();
  const body = Buffer.from(pushBody(makeGames(GAMES, lab.newRun()), clock));
  return () => timedRequest(`${server.url}/api/v1/sync/push`, { method: 'POST', headers, body });
}
