import { alternate, type Contender } from '../alternate.js';
import type { Lab } from '../lab/lab.js';
import type { World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import { gamesFor, makeGames } from '../rows.js';
import { onEachDatabase, type Results } from './each-database.js';
import {
  loadFigures,
  profileOfLoad,
  pullTarget,
  underLoad,
  underLoadFromOutside,
  type LoadSample,
} from './http-load.js';

const SMALL = 1_000;
const LARGE = 1_000_000;
const CONSTANT_TARGET = { sqlite: 0.8, postgres: 0.5 };
const LARGE_TARGET = 1.2;

const NOTES = [
  'Everyone gets the same request: `?last_pulled_at=<now>&schema_version=1&migration=null` with a token. The constant route stands behind the same guard in the same process (the guard reads the device and its account in one query) and answers a fixed text of the same length.',
  'The naive baseline verifies the token, looks the device up and runs one `find` a table.',
  'The peer answers `_changes?since=now` on a database of 1k documents, without a token.',
];

export const nothingNew: Measure = {
  name: 'nothing-new',
  title: 'Pull with nothing new',
  run: async (lab) => {
    const peer = await peerUnderLoad(lab);
    return onEachDatabase(lab, NOTES, (world) => measureOn(lab, world, peer));
  },
};

async function peerUnderLoad(lab: Lab): Promise<Contender<LoadSample> | undefined> {
  const peer = await lab.peer();
  if (!peer) return undefined;
  const address = await peer.newDatabase();
  await peer.fill(address, makeGames(gamesFor(SMALL), 'peer'));
  const path = `${new URL(address).pathname}/_changes?since=now`;
  return underLoadFromOutside(lab, 'pouchdb-server', peer.url, [{ method: 'GET', path, headers: {} }]);
}

async function measureOn(lab: Lab, world: World, peer: Contender<LoadSample> | undefined): Promise<Results> {
  const { tidemark, label } = world;
  lab.tell(`  seeding ${LARGE.toLocaleString('en')} rows on ${label}`);
  const largeTarget = [pullTarget(await world.newAccount(LARGE))];
  const small = await world.newAccount(SMALL);
  const smallTarget = [pullTarget(small)];
  const series = await alternate(lab, {
    small: underLoad(lab, `Tidemark on ${label}, 1k rows`, tidemark, smallTarget),
    large: underLoad(lab, `Tidemark on ${label}, 1M rows`, tidemark, largeTarget),
    constant: underLoad(lab, `constant route, ${label}`, tidemark, [
      pullTarget(small, '/api/v1/constant/guarded'),
    ]),
    naive: underLoad(lab, `naive on ${label}, 1k rows`, await world.naive(), smallTarget),
    peer,
  });

  const [onSmall, onLarge] = [series.small, series.large].map((one) => one.median('requestsPerSecond'));
  const claims: Claim[] = [
    {
      compares: `${label}: requests/s of a pull with nothing new ÷ those of the guarded constant route`,
      value: onSmall! / series.constant.median('requestsPerSecond'),
      unit: '×',
      bound: '≥',
      target: CONSTANT_TARGET[world.database],
      reason: 'Beside the guard, which both have, a pull reads its query and sets three headers of its own.',
    },
    {
      compares: `${label}: requests/s with 1k and with 1M rows in the account, the greater ÷ the smaller`,
      value: Math.max(onSmall!, onLarge!) / Math.min(onSmall!, onLarge!),
      unit: '×',
      bound: '≤',
      target: LARGE_TARGET,
    },
  ];
  if (series.peer) {
    claims.push({
      compares: `${label}: p50 of a pull with nothing new ÷ that of the peer's _changes`,
      value: series.small.median('p50Ms') / series.peer.median('p50Ms'),
      unit: '×',
      bound: '<',
      target: 1,
    });
  }
  return {
    figures: loadFigures(series),
    claims: await judge(claims, profileOfLoad(lab, tidemark, smallTarget)),
  };
}
