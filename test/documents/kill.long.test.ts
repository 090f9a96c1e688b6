import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import type { DocumentState } from '../../src/protocol/documents.js';
import { Random } from '../convergence/random.js';
import { request as fetchRaw } from '../storage/requests.js';
import { forEachDatabase, type DatabaseName } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import {
  backgroundsIn,
  documentState,
  hold,
  packedLayout,
  pathOf,
  putContent,
  type Holding,
} from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { sha256 } from '../uploads/stores.js';
import { filesIn } from '../uploads/world.js';

const SEED = Number(process.env.SEED ?? 9);
/** How often each kill is repeated; 20 times in `npm run soak:kills`. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 1);
const VIDEOS = ['v0', 'v1', 'v2', 'v3'];

/** The progress of the writes as seen from outside the server. */
interface View {
  /** How many contents are being unpacked, or copied into fresh databases. */
  unpacked: number;
  /** How many new working copies there are. */
  placed: number;
  /** How many contents are committed; always 0 on PostgreSQL, where a look takes too long. */
  committed: number;
  answered: number;
}

/** When the server is killed: up to `withinMs` after the moment `hasCome`. */
const MOMENTS: [name: string, hasCome: (view: View) => boolean, withinMs: number][] = [
  ['when all is answered that was sent whole', ({ answered }) => answered === VIDEOS.length - 1, 0],
  ['when a content is in place', ({ placed }) => placed > 0, 0],
  ['while contents are unpacked', ({ unpacked }) => unpacked > 0, 60],
  ['when a content is committed', ({ committed, placed }) => committed > 0 || placed > 2, 0],
  ['when two contents are in place', ({ placed }) => placed > 1, 2],
  ['when a content is answered', ({ answered }) => answered > 0, 5],
];

/** A write under way when the server dies. */
interface Write {
  video: string;
  before: DocumentState;
  background: string;
  /** Whether only half of the body is sent. */
  isHalf: boolean;
  /** Null: there was no answer. */
  answer: Promise<{ status: number; state: DocumentState } | null>;
}

/** Sends a content, or the first half of it. */
function send(
  { device, videoId, sessionId, fencingToken }: Holding,
  ifMatch: string,
  body: Buffer,
  isHalf: boolean,
) {
  const query = `session_id=${sessionId}&fencing_token=${fencingToken}`;
  const call = request(`${device.url}/api/v1${pathOf(videoId)}/content?${query}`, {
    method: 'PUT',
    agent: false,
    headers: {
      authorization: `Bearer ${device.accessToken}`,
      'content-type': 'application/gzip',
      'content-length': body.length,
      'if-match': `"${ifMatch}"`,
    },
  });
  if (isHalf) call.write(body.subarray(0, body.length >> 1));
  else call.end(body);
  const read = async () => {
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    return { status: answer.statusCode!, state: JSON.parse(text) as DocumentState };
  };
  return read().catch(() => null);
}

/** A document's content; checks that state, download address and content agree. */
async function contentOf(device: TestDevice, video: string, state: DocumentState): Promise<string[]> {
  const { status, body } = await device.request('GET', `${pathOf(video)}/download-url`);
  expect(status).toBe(200);
  const packed = (await fetchRaw(new URL((body as { url: string }).url))).body;
  expect(body).toMatchObject({
    epoch: state.epoch,
    version: state.server_version,
    sha256: sha256(packed),
    size_bytes: packed.length,
  });
  expect(state.size_bytes).toBe(gunzipSync(packed).length);
  return backgroundsIn(packed);
}

/** All files of documents: working copies and unfinished files. */
const filesOf = (storage: Storage) =>
  filesIn(join(storage.env.DATA_DIR!, 'documents')).filter((path) => !/^\d+\/lock/.test(path));

/** Watches the database of a running server on SQLite: nothing else shows a commit as soon. */
class Commits implements Disposable {
  private readonly file: BetterSqlite.Database | null;

  constructor({ env }: Storage) {
    const path = join(env.DATA_DIR!, 'tidemark.db');
    this.file = env.DATABASE_URL ? null : new BetterSqlite(path, { readonly: true });
  }

  /** Grows by one with every commit. */
  count(): number {
    return (this.file?.prepare('SELECT total(epoch) FROM documents').pluck().get() ?? 0) as number;
  }

  [Symbol.dispose](): void {
    this.file?.close();
  }
}

/** Begins a write to every document; one of the writes is never completed. */
async function startWrites(device: TestDevice, random: Random, name: string): Promise<Write[]> {
  const writes: (Write & { begin: () => void })[] = [];
  const half = random.integer(0, VIDEOS.length - 1);
  for (const [index, video] of VIDEOS.entries()) {
    const holding = await hold(device, video);
    const before = await documentState(device, video);
    const background = `${name} ${video}`;
    const body = packedLayout([background], random.integer(1, 4) * 200_000);
    const isHalf = index === half;
    const write: Write = { video, before, background, isHalf, answer: Promise.resolve(null) };
    const begin = () =>
      (write.answer = send(holding, `${before.epoch}-${before.server_version}`, body, isHalf));
    writes.push(Object.assign(write, { begin }));
  }
  for (const { begin } of writes) begin();
  return writes;
}

/** Kills the server during writes to all documents. */
async function writeAndKill(
  server: ServerProcess,
  storage: Storage,
  device: TestDevice,
  [name, hasCome, withinMs]: (typeof MOMENTS)[number],
  random: Random,
): Promise<{ writes: Write[]; isSeen: boolean }> {
  const known = new Set(filesOf(storage));
  using commits = new Commits(storage);
  const epochs = commits.count();
  const writes = await startWrites(device, random, name);
  let answered = 0;
  for (const { answer } of writes) void answer.then((reply) => (answered += reply ? 1 : 0));
  const newFiles = () => filesOf(storage).filter((path) => !known.has(path));
  const isUnderWay = (path: string) => path.includes('incoming');
  const view: View = {
    get unpacked() {
      return newFiles().filter(isUnderWay).length;
    },
    get placed() {
      return newFiles().filter((path) => !isUnderWay(path)).length;
    },
    get committed() {
      return commits.count() - epochs;
    },
    get answered() {
      return answered;
    },
  };
  // A short moment may pass unseen: the loop ends when all complete bodies are answered.
  while (!hasCome(view) && answered < VIDEOS.length - 1) await new Promise(setImmediate);
  const isSeen = hasCome(view);
  if (withinMs > 0) await delay(random.integer(0, withinMs));
  await server.kill('SIGKILL');
  return { writes, isSeen };
}

async function expectWholeContents(database: DatabaseName): Promise<void> {
  const random = new Random(SEED);
  const storage = await createStorage(database);
  let server = await startServer({ storage });
  try {
    const laptop = await TestDevice.register(server.url);
    const contents = new Map<string, string>();
    const came = { old: 0, new: 0 };
    const seen = new Set<string>();
    const moments = Array.from({ length: ROUNDS }, () => MOMENTS).flat();
    for (const moment of moments) {
      const { writes, isSeen } = await writeAndKill(server, storage, laptop, moment, random);
      if (isSeen) seen.add(moment[0]);
      server = await startServer({ storage });
      moveTo(laptop, server.url);
      expect(filesOf(storage).filter((path) => path.includes('incoming'))).toEqual([]);
      for (const { video, before, background, isHalf, answer } of writes) {
        const about = `${video}, ${moment[0]}`;
        const reply = await answer;
        const state = await documentState(laptop, video);
        const isNew = state.epoch === before.epoch + 1;
        came[isNew ? 'new' : 'old'] += 1;
        if (reply) expect([about, reply.status, isNew]).toEqual([about, 200, true]);
        if (isHalf) expect([about, isNew]).toEqual([about, false]);
        if (reply) expect(state).toEqual(reply.state);
        else if (!isNew) expect(state).toEqual({ ...before, lock: state.lock });
        else
          expect(state).toMatchObject({
            exists: true,
            server_version: 1,
            stored_version: before.stored_version,
          });
        if (isNew) contents.set(video, background);
        if (!state.exists) continue;
        expect([about, await contentOf(laptop, video, state)]).toEqual([about, [contents.get(video)]]);
      }
    }
    expect(came.old).toBeGreaterThanOrEqual(moments.length);
    expect(came.new).toBeGreaterThanOrEqual(VIDEOS.length);
    // Some moments are so short that they may pass between two looks.
    expect(seen.size).toBeGreaterThan(MOMENTS.length / 2);
    // The next write removes everything that earlier ones left.
    for (const video of VIDEOS) {
      const { epoch, server_version } = await documentState(laptop, video);
      const reply = await putContent(
        await hold(laptop, video),
        `${epoch}-${server_version}`,
        packedLayout(['last']),
      );
      expect([video, reply.status]).toEqual([video, 200]);
    }
    const states = await Promise.all(VIDEOS.map((video) => documentState(laptop, video)));
    const left = filesOf(storage).map((path) => path.split('/').slice(2).join('/'));
    expect(left.sort()).toEqual(
      states.map(
        ({ video_id, epoch, mark }) => `${Buffer.from(video_id).toString('hex')}/layout/${epoch}-${mark}.db`,
      ),
    );
  } finally {
    await server.kill('SIGKILL');
    await storage.dispose();
  }
}

forEachDatabase((database) => {
  test(
    `a server killed at any moment of a write has the old content or the new one, and what it acknowledged (seed ${SEED})`,
    () => expectWholeContents(database),
    900_000 * ROUNDS,
  );
});
