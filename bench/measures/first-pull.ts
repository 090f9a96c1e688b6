import { alternate, type Contender } from '../alternate.js';
import { profiled, type Lab } from '../lab/lab.js';
import { timedRequest } from '../lab/http.js';
import type { Account, Server, World } from '../lab/world.js';
import type { DatabaseName } from '../../test/support/storage.js';
import { judge, type Claim, type Measure } from '../results.js';
import { countRows, gamesFor, makeGames } from '../rows.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const ROWS = 100_000;
const RAW_TARGET = { sqlite: 3, postgres: 1.5 };
const NAIVE_TARGET = 4;
const PEER_TARGET = 10;
/** Of the first pull on a database that has no statistics yet. */
const NEW_DATABASE_TARGET = 1.3;

const REASONS: Record<DatabaseName, { raw?: string; naive?: string }> = {
  sqlite: {},
  postgres: {
    raw: 'PostgreSQL reads page by page, each a statement of its own, and shares two cores with the server that sends the pages and the client that takes them; reading a page ahead did not help. The raw statement runs once.',
    naive:
      "Making the JSON is PostgreSQL's own work, in one process; the raw statement alone is less than three times as fast as the naive hydrating in Node.",
  },
};

const NOTES = [
  'Tidemark, naive and peer: one request over HTTP until the last byte has come, not parsed. Raw: one statement a table, on SQLite `json_group_array`, on PostgreSQL `string_agg` over joined texts (a fifth faster than `json_agg`), until the text is in the process; no HTTP. Before the rounds the three answers are compared row by row.',
  'The peer answers `_all_docs?include_docs=true` on a database of the same rows as documents.',
];

/** `ms` alone does not compare with the peer, which may hold a different number of rows. */
type PullSample = { ms: number; rowsPerSecond: number };

export const firstPull: Measure = {
  name: 'first-pull',
  title: 'First pull of 100k rows',
  run: async (lab) => {
    const peer = await peerPull(lab);
    return onEachDatabase(lab, NOTES, (world) => measureOn(lab, world, peer));
  },
};

async function peerPull(lab: Lab): Promise<Contender<PullSample> | undefined> {
  const peer = await lab.peer();
  if (!peer) return undefined;
  lab.tell('  filling the peer');
  const address = await peer.newDatabase();
  const rows = makeGames(gamesFor(ROWS), 'peer');
  await peer.fill(address, rows);
  return {
    name: 'pouchdb-server',
    run: async () =>
      sample((await timedRequest(`${address}/_all_docs?include_docs=true`)).ms, countRows(rows)),
  };
}

async function measureOn(lab: Lab, world: World, peer: Contender<PullSample> | undefined): Promise<Results> {
  const { label, tidemark } = world;
  await warmUp(tidemark, await world.newAccount(1_000));
  const account = await world.newAccount(ROWS);
  // The best of three, because a single one may meet anything; PostgreSQL makes no statistics so soon.
  const onNewDatabase: number[] = [];
  for (let n = 0; n < 3; n++) onNewDatabase.push((await pull(tidemark, account)).ms);
  const naive = await world.naive();
  const raw = await world.raw();
  await checkAnswers(world, account);
  const series = await alternate(lab, {
    tidemark: pulling(`Tidemark on ${label}`, tidemark, account),
    raw: {
      name: `raw SQL, ${label}`,
      run: async () => sample((await raw.call('read', account.device.accountId)).ms, account.rows),
    },
    naive: pulling(`naive on ${label}`, naive, account),
    peer,
  });

  const ms = series.tidemark.median('ms');
  const claims: Claim[] = [
    {
      compares: `${label}: time of the first pull right after the first push ÷ time of a later one`,
      value: Math.min(...onNewDatabase) / ms,
      unit: '×',
      bound: '≤',
      target: NEW_DATABASE_TARGET,
    },
    {
      compares: `${label}: time of a first pull over HTTP ÷ time of the raw SQL that builds the same JSON`,
      value: ms / series.raw.median('ms'),
      unit: '×',
      bound: '≤',
      target: RAW_TARGET[world.database],
      reason: REASONS[world.database].raw,
    },
    {
      compares: `${label}: time of the naive first pull ÷ time of Tidemark's`,
      value: series.naive.median('ms') / ms,
      unit: '×',
      bound: '≥',
      target: NAIVE_TARGET,
      reason: REASONS[world.database].naive,
    },
  ];
  if (series.peer) {
    claims.push({
      compares: `${label}: rows/s of a first pull ÷ documents/s of the peer's _all_docs`,
      value: series.tidemark.median('rowsPerSecond') / series.peer.median('rowsPerSecond'),
      unit: '×',
      bound: '≥',
      target: PEER_TARGET,
    });
  }
  const explain = () => profiled(tidemark, () => pull(tidemark, account));
  return {
    figures: figuresOf(series, [
      ['ms', 'time', 'ms'],
      ['rowsPerSecond', 'rows', '/s'],
    ]),
    claims: await judge(claims, explain),
  };
}

function pulling(name: string, server: Server, account: Account): Contender<PullSample> {
  return { name, run: async () => sample((await pull(server, account)).ms, account.rows) };
}

function sample(ms: number, rows: number): PullSample {
  return { ms, rowsPerSecond: (rows / ms) * 1_000 };
}

/** Lets the process compile what a pull runs; the database gets no statistics by it. */
async function warmUp(server: Server, account: Account): Promise<void> {
  for (let n = 0; n < 200; n++) await pull(server, account);
}

/** One whole first pull. */
export function pull(server: Server, { headers }: Account, keepText = false) {
  return timedRequest(`${server.url}/api/v1/sync/pull`, { headers, keepText });
}

/** Compares the contenders' answers. @throws Error unless all have the same rows */
async function checkAnswers(world: World, account: Account): Promise<void> {
  const raw = await (await world.raw()).call('readChanges', account.device.accountId);
  const expected = normalize(JSON.parse(raw));
  for (const server of [world.tidemark, await world.naive()]) {
    const { text } = await pull(server, account, true);
    if (normalize((JSON.parse(text!) as { changes: unknown }).changes) !== expected) {
      throw new Error('The contenders do not answer the same rows.');
    }
  }
}

/** The rows in the order of their ids and columns, as text. */
function normalize(changes: unknown): string {
  const tables = changes as Record<string, { updated: Record<string, unknown>[] }>;
  return Object.entries(tables)
    .map(([table, { updated }]) => [
      table,
      ...updated.map((row) => JSON.stringify(Object.entries(row).sort())).sort(),
    ])
    .join('\n');
}
