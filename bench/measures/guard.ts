import { alternate } from '../alternate.js';
import { judge, type Measure } from '../results.js';
import { onEachDatabase } from './each-database.js';
import { loadFigures, profileOfLoad, pullTarget, underLoad } from './http-load.js';

const TARGET = { sqlite: 0.85, postgres: 0.6 };

const NOTES = [
  'Both routes answer the same fixed text in the same process. The guarded one remembers the verified token, but reads device and account anew for each request, so that revoking works at once; on PostgreSQL that is a round trip to another process.',
];

export const guard: Measure = {
  name: 'guard',
  title: "The guard's own cost",
  run: (lab) =>
    onEachDatabase(lab, NOTES, async (world) => {
      const { tidemark, label } = world;
      const account = await world.newAccount();
      const guarded = [pullTarget(account, '/api/v1/constant/guarded')];
      const unguarded = [pullTarget(account, '/api/v1/constant/unguarded')];
      const series = await alternate(lab, {
        guarded: underLoad(lab, `guarded route, ${label}`, tidemark, guarded),
        unguarded: underLoad(lab, `unguarded route, ${label}`, tidemark, unguarded),
      });
      const claim = {
        compares: `${label}: requests/s of the guarded constant route ÷ those of the unguarded one`,
        value: series.guarded.median('requestsPerSecond') / series.unguarded.median('requestsPerSecond'),
        unit: '×',
        bound: '≥',
        target: TARGET[world.database],
      } as const;
      return {
        figures: loadFigures(series),
        claims: await judge([claim], profileOfLoad(lab, tidemark, guarded)),
      };
    }),
};
