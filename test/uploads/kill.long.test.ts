import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { Random } from '../convergence/random.js';
import type { Fault, Passing } from '../storage/faulty-store.js';
import { forEachDatabase, startApp, type DatabaseName } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { getAsOperator } from '../support/operator.js';
import { documentState, download, hold, packedLayout, pathOf, putContent } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { startServer } from '../support/server-process.js';
import { createStorage } from '../support/storage.js';
import { BucketStore, describeOnS3, expectWholeOffers, FolderStore, type TestStore } from './stores.js';
import { filesIn, MINUTE_MS, objectsIn, TOKENS_THAT_LAST } from './world.js';

const SEED = Number(process.env.SEED ?? 4);
/** How often each kill is repeated; 20 times in `npm run soak:kills`. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 1);
const VIDEOS = ['v0', 'v1', 'v2'] as const;
/** The gzipped document is larger than one part of a multipart upload. */
const TWO_PARTS = 9_000_000;

/** A moment at which the server is killed. */
interface Moment {
  name: string;
  /** Whether the moment has come, as seen from outside the server. */
  hasCome: () => boolean;
  /** Runs before any upload. */
  prepare?: () => void;
  /** The size of the documents; default: random. */
  sizeBytes?: number;
  /** The kill follows within so many milliseconds; default: 12. */
  withinMs?: number;
}

const incomingFiles = (data: string) =>
  filesIn(join(data, 'documents')).filter((path) => path.includes('incoming'));

/** The visible steps of an upload to a folder. */
function momentsInFolder({ folder }: FolderStore, data: string): Moment[] {
  let objects = 0;
  const prepare = () => (objects = objectsIn(folder).length);
  const moments = [
    { name: 'while the copy is made', hasCome: () => incomingFiles(data).length > 0 },
    { name: 'while it is packed', hasCome: () => filesIn(join(folder, '+unfinished')).length > 0 },
    { name: 'when the object has its name', prepare, hasCome: () => objectsIn(folder).length > objects },
    {
      name: 'when all objects have their names',
      prepare,
      hasCome: () => objectsIn(folder).length >= objects + VIDEOS.length,
    },
  ];
  return [...moments, ...moments.slice(0, 2)];
}

/** The steps of an upload to a bucket; the store can hold up each document at another step. */
function momentsInBucket({ way }: BucketStore): Moment[] {
  const keep = (fault: Fault, video: string, isStep: (passing: Passing) => boolean) => (passing: Passing) =>
    passing.path.includes(`/${video}-`) && isStep(passing) ? fault : undefined;
  const at = (...steps: ReturnType<typeof keep>[]): Pick<Moment, 'prepare' | 'hasCome'> => {
    const come = new Set<unknown>();
    return {
      prepare: () => {
        way.patience = new Promise(() => {});
        way.fault = (passing) => {
          const step = steps.find((each) => each(passing) !== undefined);
          if (step) come.add(step);
          return step?.(passing);
        };
      },
      // More requests may wait than there are steps: the server repeats requests that get no answer.
      hasCome: () => come.size === steps.length && way.waiting >= steps.length,
    };
  };
  const isPut = ({ method }: Passing) => method === 'PUT';
  const isHead = ({ method }: Passing) => method === 'HEAD';
  const isPart = ({ query }: Passing) => query.get('partNumber') === '2';
  const isCompletion = ({ method, query }: Passing) => method === 'POST' && query.has('uploadId');
  let begun = 0;
  return [
    {
      name: 'while it is sent, when it has come and is not answered, and when it is answered and not committed',
      ...at(keep('slow', 'v0', isPut), keep('unanswered', 'v1', isPut), keep('unanswered', 'v2', isHead)),
    },
    {
      name: 'while a part is sent, before the parts are put together, and when they are',
      sizeBytes: TWO_PARTS,
      ...at(
        keep('slow', 'v0', isPart),
        keep('stalled', 'v1', isCompletion),
        keep('unanswered', 'v2', isCompletion),
      ),
    },
    {
      name: 'when it has begun',
      prepare: () => (begun = way.requests),
      hasCome: () => way.requests > begun,
      withinMs: 60,
    },
  ];
}

/** Kills a server at each moment, starts another one, and checks what is left. */
async function expectKillsDoNoHarm(
  database: DatabaseName,
  store: TestStore,
  momentsOf: (data: string) => Moment[],
): Promise<void> {
  const random = new Random(SEED);
  const storage = await createStorage(database);
  const data = storage.env.DATA_DIR!;
  const env = { ...store.env, ...TOKENS_THAT_LAST, UPLOAD_IDLE_MINUTES: '0', UPLOADS_AT_ONCE: '3' };
  let server = await startServer({ storage, env });
  try {
    const laptop = await TestDevice.register(server.url);
    const written = new Map<string, string>();
    const moments = Array.from({ length: ROUNDS }, () => momentsOf(data)).flat();
    for (const [round, moment] of moments.entries()) {
      // On PostgreSQL a document stays owned by the killed process until its lease expires.
      const videos = VIDEOS.map((video) => `${video}-${database === 'postgres' ? round : 0}`);
      for (const video of videos) {
        const holding = await hold(laptop, video);
        const { epoch, server_version } = await documentState(laptop, video);
        const background = `${moment.name} ${round}`;
        const body = packedLayout([background], moment.sizeBytes ?? random.integer(0, 3) * 400_000);
        const reply = await putContent(holding, `${epoch}-${server_version}`, body);
        expect(reply.status).toBe(200);
        written.set(video, background);
      }
      moment.prepare?.();
      const asked = videos.map((video) =>
        laptop.request('GET', `${pathOf(video)}/download-url`).catch(() => undefined),
      );
      const deadline = Date.now() + (store instanceof BucketStore ? 60_000 : 10_000);
      while (!moment.hasCome() && Date.now() < deadline) await new Promise(setImmediate);
      await delay(random.integer(0, moment.withinMs ?? 12));
      await server.kill('SIGKILL');
      await Promise.all(asked);
      if (store instanceof BucketStore) {
        expect([moment.name, moment.hasCome()]).toEqual([moment.name, true]);
        store.way.recover();
      }
      server = await startServer({ storage, env });
      moveTo(laptop, server.url);
      await expectWholeOffers(laptop, [...written.keys()], store);
    }
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });

    // When the leases of the killed processes have expired, the schedule uploads everything.
    const clock = { aheadMs: 2 * MINUTE_MS };
    await using later = await startApp(database, { storage, env, now: () => Date.now() + clock.aheadMs });
    moveTo(laptop, later.url);
    await later.nest.get(UploadSchedule).tick();
    const { body } = await getAsOperator(`${later.url}/health`);
    expect(body).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
    const left = (await store.objects()).size;
    for (const [video, background] of written) expect(await download(laptop, video)).toEqual([background]);
    expect((await store.objects()).size).toBe(left);

    // The sweep removes leftovers of broken uploads after an hour.
    clock.aheadMs += 61 * MINUTE_MS;
    await later.nest.get(UploadSchedule).tick();
    const offered = Object.values(await expectWholeOffers(laptop, [...written.keys()], store)).flat();
    expect((await store.objects()).size).toBe(offered.length);
    if (store instanceof BucketStore) expect(left).toBeGreaterThan(offered.length);
    expect(incomingFiles(data)).toEqual([]);
  } finally {
    await server.kill('SIGKILL');
    await storage.dispose();
  }
}

const NAME = `a server killed at any moment of an upload loses nothing and offers nothing broken (seed ${SEED})`;

forEachDatabase((database) => {
  test(
    NAME,
    async () => {
      await using store = new FolderStore();
      await expectKillsDoNoHarm(database, store, (data) => momentsInFolder(store, data));
    },
    900_000 * ROUNDS,
  );
});

describeOnS3('with S3', (open) => {
  forEachDatabase((database) => {
    test(
      NAME,
      async () => {
        await using store = await open();
        await expectKillsDoNoHarm(database, store, () => momentsInBucket(store));
      },
      900_000 * ROUNDS,
    );
  });
});
