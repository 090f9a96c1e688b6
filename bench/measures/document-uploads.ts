import { alternate, type Contender } from '../alternate.js';
import { writeDocument } from '../lab/documents.js';
import type { World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import { onEachDatabase } from './each-database.js';
import { figuresOf } from './http-load.js';

const MEGABYTES = 100;
const BY_HAND_TARGET = 1.3;
const DELAY_TARGET_MS = 20;
const DUE = 100;
const COUNTS = [1_000, 10_000] as const;
const TICK_TARGET = 1.2;
/** Factor on the number of rounds, as a tick takes only a second and single ticks differ by half. */
const TICK_ROUNDS = 3;

const UPLOAD_NOTES = [
  `One document of ${MEGABYTES} MB of texts, from the moment the scheduler looks until the database says that it is uploaded, into a folder on the same disk. By hand: VACUUM INTO, integrity_check, gzip at the same level, copy and fsync, one after another in one process.`,
];
const TICK_NOTES = [
  `One tick of the scheduler with ${DUE} small documents due, every one of which it uploads, among ${COUNTS.map((count) => count.toLocaleString('en')).join(' and among ')}; each in a database of its own; ${TICK_ROUNDS} times as many rounds as of the others.`,
];

type UploadSample = { megabytesPerSecond: number; delayP99Ms: number };
type TickSample = { tickMs: number };

export const documentUploads: Measure = {
  name: 'document-uploads',
  title: 'Uploading a large document',
  run: (lab) =>
    onEachDatabase(lab, UPLOAD_NOTES, async (world) => {
      const { device } = await world.newAccount();
      await writeDocument(device, 'large', { textBytes: MEGABYTES * 1_000_000 });
      const series = await alternate(lab, {
        tidemark: scheduler(world, device.accountId),
        byHand: byHand(world, device.accountId),
      });
      const rate = (name: keyof typeof series) => series[name].median('megabytesPerSecond');
      const claims: Claim[] = [
        {
          compares: `${world.label}: time of an upload ÷ that of the same steps by hand`,
          value: rate('byHand') / rate('tidemark'),
          unit: '×',
          bound: '≤',
          target: BY_HAND_TARGET,
        },
        {
          compares: `${world.label}: event-loop delay during an upload, p99`,
          value: series.tidemark.median('delayP99Ms'),
          unit: 'ms',
          bound: '≤',
          target: DELAY_TARGET_MS,
        },
      ];
      return {
        figures: figuresOf(series, [
          ['megabytesPerSecond', 'upload', 'MB/s'],
          ['delayP99Ms', 'event-loop delay, p99', 'ms'],
        ]),
        claims: await judge(claims),
      };
    }),
};

export const uploadTick: Measure = {
  name: 'upload-tick',
  title: 'A tick of the upload scheduler',
  run: (lab) =>
    onEachDatabase(lab, TICK_NOTES, async (world) => {
      await using another = await lab.open(world.database);
      const [few, many] = COUNTS;
      const rounds = TICK_ROUNDS * lab.settings.rounds;
      const series = await alternate(
        { settings: { rounds }, tell: lab.tell },
        {
          few: await tick(world, few),
          many: await tick(another, many),
        },
      );
      const claim: Claim = {
        compares: `${world.label}: a tick with ${DUE} of ${many.toLocaleString('en')} documents due ÷ one with ${DUE} of ${few.toLocaleString('en')}`,
        value: series.many.median('tickMs') / series.few.median('tickMs'),
        unit: '×',
        bound: '≤',
        target: TICK_TARGET,
      };
      return { figures: figuresOf(series, [['tickMs', 'a tick', 'ms']]), claims: await judge([claim]) };
    }),
};

function scheduler({ tidemark, label }: World, accountId: string): Contender<UploadSample> {
  return {
    name: `Tidemark on ${label}`,
    run: async () => {
      await tidemark.remote.call('watch');
      const ms = await tidemark.remote.call('uploadAll', accountId);
      const { delayP99Ms } = await tidemark.remote.call('unwatch');
      return { megabytesPerSecond: (MEGABYTES / ms) * 1_000, delayP99Ms };
    },
  };
}

function byHand(world: World, accountId: string): Contender<UploadSample> {
  return {
    name: 'the same steps by hand',
    run: async () => {
      const ms = await (await world.raw()).call('uploadByHand', { accountId, videoId: 'large', epoch: 1 });
      return { megabytesPerSecond: (MEGABYTES / ms) * 1_000, delayP99Ms: NaN };
    },
  };
}

/** Fills the database with documents and measures a tick of the scheduler. */
async function tick(world: World, documents: number): Promise<Contender<TickSample>> {
  const { tidemark, label } = world;
  const { device } = await world.newAccount();
  const { accountId } = device;
  for (let n = 0; n < DUE; n += 1) await writeDocument(device, `due-${n}`);
  await tidemark.remote.call('seedDocuments', { accountId: `${accountId}-uploaded`, count: documents - DUE });
  return {
    name: `${documents.toLocaleString('en')} documents, ${label}`,
    run: async () => ({ tickMs: await tidemark.remote.call('uploadAll', accountId) }),
  };
}
