import { alternate, type Contender } from '../alternate.js';
import { CONNECTIONS, type Lab } from '../lab/lab.js';
import type { Account, World } from '../lab/world.js';
import type { Target } from '../load/main.js';
import { FRESH_ID } from '../load/placeholder.js';
import { judge, type Claim, type Measure } from '../results.js';
import { documents, PLAYERS, pushBody, type RowsByTable } from '../rows.js';
import { game, player, round, score } from '../../test/support/records.js';
import { onEachDatabase, type Results } from './each-database.js';
import { loadFigures, profileOfLoad, underLoad, underLoadFromOutside, type LoadSample } from './http-load.js';

const RAW_TARGET = 0.5;
const PUSH = '/api/v1/sync/push';

const NOTES = [
  `One push: 1 round and ${PLAYERS} scores of it, new every time; game and players are there already. ${CONNECTIONS} connections, each with an account of its own, each sending its next push when the last one is answered.`,
  'Raw: the statements that Tidemark sends for such a push (the reads of the guard and of the push, the writes, begin and commit) are recorded and sent again without anything around them, by the drivers alone and as prepared statements: on SQLite one after another on one connection, on PostgreSQL on 32 connections at once.',
  'The naive baseline has a transaction with a SELECT and a save for each of the 6 records. The peer takes the 6 records as documents in one `_bulk_docs`, into a database for each connection; it does not wait for the disk.',
];

const seats = Array.from({ length: PLAYERS }, (_, seat) => seat);
const gameRows: RowsByTable = {
  games: [game('bench-game')],
  game_players: seats.map((seat) => player(`bench-player-${seat}`, 'bench-game', { position: seat })),
};
const roundRows: RowsByTable = {
  rounds: [round(`r-${FRESH_ID}`, 'bench-game')],
  scores: seats.map((seat) => score(`s${seat}-${FRESH_ID}`, `r-${FRESH_ID}`, `bench-player-${seat}`)),
};

export const roundPushes: Measure = {
  name: 'round-pushes',
  title: 'Pushes of one round',
  run: async (lab) => {
    const peer = await peerUnderLoad(lab);
    return onEachDatabase(lab, NOTES, (world) => measureOn(lab, world, peer));
  },
};

async function peerUnderLoad(lab: Lab): Promise<Contender<LoadSample> | undefined> {
  const peer = await lab.peer();
  if (!peer) return undefined;
  const targets: Target[] = [];
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    const path = `${new URL(await peer.newDatabase()).pathname}/_bulk_docs`;
    const body = JSON.stringify({ docs: documents(roundRows) });
    targets.push({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body });
  }
  return underLoadFromOutside(lab, 'pouchdb-server', peer.url, targets);
}

async function measureOn(lab: Lab, world: World, peer: Contender<LoadSample> | undefined): Promise<Results> {
  const { label, tidemark } = world;
  const accounts = await Promise.all(Array.from({ length: CONNECTIONS }, () => accountWithGame(world)));
  const targets = accounts.map(roundTarget);
  const series = await alternate(lab, {
    tidemark: underLoad(lab, `Tidemark on ${label}`, tidemark, targets),
    raw: await rawReplay(lab, world, accounts),
    naive: underLoad(lab, `naive on ${label}`, await world.naive(), targets),
    peer,
  });
  const toRaw: Claim = {
    compares: `${label}: pushes of one round a second ÷ the raw rate of the same statements`,
    value: series.tidemark.median('requestsPerSecond') / series.raw.median('requestsPerSecond'),
    unit: '×',
    bound: '≥',
    target: RAW_TARGET,
  };
  return {
    figures: loadFigures(series),
    claims: await judge([toRaw], profileOfLoad(lab, tidemark, targets)),
  };
}

/** The statements of one push, repeated as fast as the drivers alone can. */
async function rawReplay(lab: Lab, world: World, accounts: Account[]): Promise<Contender<LoadSample>> {
  const recorded = await accountWithGame(world);
  const recording = await world.tidemark.remote.call('record', roundTarget(recorded));
  const raw = await world.raw();
  return {
    name: `raw statements, ${world.label}`,
    run: async (isWarmUp) => {
      const requestsPerSecond = await raw.call('replay', {
        recording,
        recorded: recorded.device,
        identities: accounts.map(({ device }) => device),
        seconds: isWarmUp ? 1 : lab.settings.seconds,
        run: lab.newRun(),
      });
      return { requestsPerSecond, p50Ms: NaN, p99Ms: NaN, cpuUs: NaN };
    },
  };
}

async function accountWithGame(world: World): Promise<Account> {
  const account = await world.newAccount();
  const reply = await account.device.request('POST', '/sync/push', {
    body: pushBody(gameRows, account.clock),
  });
  if (reply.status !== 200) throw new Error(`The game could not be pushed: ${JSON.stringify(reply.body)}`);
  return { ...account, clock: (reply.body as { timestamp: number }).timestamp };
}

function roundTarget({ headers, clock }: Account): Target {
  const body = pushBody(roundRows, clock);
  return { method: 'POST', path: PUSH, headers: { ...headers, 'content-type': 'application/json' }, body };
}
