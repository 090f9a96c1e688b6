import { alternate } from '../alternate.js';
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
  `\`GET …/state\` of one document of an account that has ${FEW}, and of one that has ${MANY.toLocaleString('en')}, beside a route that passes the same guard and answers a fixed text.`,
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
        few: underLoad(lab, `state, ${FEW} documents, ${label}`, tidemark, [stateTarget(few, FEW)]),
        many: underLoad(lab, `state, ${MANY.toLocaleString('en')} documents, ${label}`, tidemark, [
          stateTarget(many, MANY),
        ]),
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
        claims: await judge(claims, profileOfLoad(lab, tidemark, [stateTarget(many, MANY)])),
      };
    }),
};

async function accountWith(world: World, count: number): Promise<Account> {
  const account = await world.newAccount();
  await world.tidemark.remote.call('seedDocuments', { accountId: account.device.accountId, count });
  return account;
}

function stateTarget({ headers }: Account, count: number): Target {
  return { method: 'GET', path: `/api/v1/videos/seeded-${count / 2}/database/layout/state`, headers };
}
