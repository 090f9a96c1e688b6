import { alternate, type Contender } from '../alternate.js';
import { CONNECTIONS, type Lab } from '../lab/lab.js';
import type { Account, World } from '../lab/world.js';
import type { Target } from '../load/main.js';
import type { LockJob } from '../raw/lock-pairs.js';
import { judge, type Claim, type Measure } from '../results.js';
import { onEachDatabase } from './each-database.js';
import { figuresOf, profileOfLoad } from './http-load.js';

const RAW_TARGET = 0.5;

const NOTES = [
  `${CONNECTIONS} connections, each locking and releasing a document of its own over HTTP. Raw: the two updates of the lock's row, each a transaction, by the drivers alone: on SQLite one after another on one connection, on PostgreSQL on ${CONNECTIONS} connections at once. The service alone: Tidemark without HTTP, its guard and the look at the document, by ${CONNECTIONS} callers in its process; it has no target and shows where the time goes.`,
];

type PairSample = { pairsPerSecond: number };
/** @returns pairs per second */
type LockPairs = (job: LockJob) => Promise<number>;

export const documentLocks: Measure = {
  name: 'document-locks',
  title: 'Locking and releasing a document',
  run: (lab) =>
    onEachDatabase(lab, NOTES, async (world) => {
      const { tidemark, label } = world;
      const account = await world.newAccount();
      const videoIds = Array.from({ length: CONNECTIONS }, (_, index) => `video-${index}`);
      const targets = videoIds.map((videoId) => lockAndRelease(account, videoId));
      const pairs = (name: string, lockPairs: LockPairs) => pairsOf(lab, name, account, videoIds, lockPairs);
      const series = await alternate(lab, {
        tidemark: overHttp(lab, world, targets),
        service: pairs(`the service alone, ${label}`, (job) => tidemark.remote.call('lockPairs', job)),
        raw: pairs(`raw updates, ${label}`, async (job) => (await world.raw()).call('lockPairs', job)),
      });
      const claim: Claim = {
        compares: `${label}: lock + unlock pairs a second ÷ the raw transactions`,
        value: series.tidemark.median('pairsPerSecond') / series.raw.median('pairsPerSecond'),
        unit: '×',
        bound: '≥',
        target: RAW_TARGET,
      };
      return {
        figures: figuresOf(series, [['pairsPerSecond', 'lock + unlock', '/s']]),
        claims: await judge([claim], profileOfLoad(lab, tidemark, targets)),
      };
    }),
};

function overHttp(lab: Lab, { tidemark, label }: World, targets: Target[]): Contender<PairSample> {
  return {
    name: `Tidemark on ${label}`,
    run: async (isWarmUp) => {
      const { requestsPerSecond } = await lab.load(tidemark.url, targets, isWarmUp);
      return { pairsPerSecond: requestsPerSecond / 2 };
    },
  };
}

function pairsOf(
  lab: Lab,
  name: string,
  { device: { accountId } }: Account,
  videoIds: string[],
  lockPairs: LockPairs,
): Contender<PairSample> {
  return {
    name,
    run: async (isWarmUp) => {
      const seconds = isWarmUp ? 1 : lab.settings.seconds;
      return { pairsPerSecond: await lockPairs({ accountId, videoIds, seconds }) };
    },
  };
}

function lockAndRelease({ headers }: Account, videoId: string): Target {
  const path = `/api/v1/videos/${videoId}/database/layout/lock`;
  const body = JSON.stringify({ lock_type: 'client', session_id: 'bench' });
  return {
    method: 'POST',
    path,
    headers: { ...headers, 'content-type': 'application/json' },
    body,
    then: { method: 'DELETE', path: `${path}?session_id=bench`, headers },
  };
}
