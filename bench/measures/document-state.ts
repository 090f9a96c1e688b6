import { alternate } from '../alternate.js';
import { CONNECTIONS } from '../lab/lab.js';
import type { Account, World } from '../lab/world.js';
import type { Target } from '../load/main.js';
import { judge, type Claim, type Measure } from '../results.js';
import { onEachDatabase } from './each-database.js';
import { loadFigures, profileOfLoad, pullTarget, underLoad } from './http-load.js';

const FEW = 10;
const MANY = 100_000;
const TARGETS = { sqlite: 0.7, postgres: 0.5 };
const APART = 1.2;

const NOTES = [
  `\`GET …/state\` of documents of an account that has ${FEW}, and of one that has ${MANY.toLocaleString('en')}, each connection asking for one of its own as far as there are so many, beside a route that passes the same guard and answers a fixed text.`,
  'Nothing is written meanwhile. On SQLite, where the process knows of every commit, states and the guard’s reads are kept until the next; on PostgreSQL they are read anew for every request, those that come in together by one statement.',
];

export const documentState: Measure = {
  name: 'document-state',
  title: 'State of a document',
  run: (lab) =>
    onEachDatabase(lab, NOTES, async (world) => {
      const { tidemark, label, database } = world;
      const few = await accountWith(world, FEW);
      const many = await accountWith(world, MANY);
      const series = await alternate(lab, {
        few: underLoad(lab, `state, ${FEW} documents, ${label}`, tidemark, stateTargets(few, FEW)),
        many: underLoad(
          lab,
          `state, ${MANY.toLocaleString('en')} documents, ${label}`,
          tidemark,
          stateTargets(many, MANY),
        ),
        guarded: underLoad(lab, `guarded constant route, ${label}`, tidemark, [
          pullTarget(few, '/api/v1/constant/guarded'),
        ]),
      });
      const rate = (name: keyof typeof series) => series[name].median('requestsPerSecond');
      const claims: Claim[] = [
        {
          compares: `${label}: requests/s of a document's state ÷ those of the guarded constant route`,
          value: rate('many') / rate('guarded'),
          unit: '×',
          bound: '≥',
          target: TARGETS[database],
        },
        {
          compares: `${label}: the same with ${FEW} documents and with ${MANY.toLocaleString('en')}, the quicker ÷ the slower`,
          value: Math.max(rate('few') / rate('many'), rate('many') / rate('few')),
          unit: '×',
          bound: '≤',
          target: APART,
        },
      ];
      return {
        figures: loadFigures(series),
        claims: await judge(claims, profileOfLoad(lab, tidemark, stateTargets(many, MANY))),
      };
    }),
};

async function accountWith(world: World, count: number): Promise<Account> {
  const account = await world.newAccount();
  await world.tidemark.remote.call('seedDocuments', { accountId: account.device.accountId, count });
  return account;
}

function stateTargets({ headers }: Account, count: number): Target[] {
  const step = Math.ceil(count / CONNECTIONS);
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => ({
    method: 'GET',
    path: `/api/v1/videos/seeded-${1 + index * step}/database/layout/state`,
    headers,
  }));
}
