import fsPromises from 'node:fs/promises';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { Database } from '../../src/foundation/database/database.js';
import { sqliteFile } from '../../src/foundation/database/open.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { SqliteWorkers } from '../../src/documents/import/sqlite-workers.js';
import { renewPostgresDocuments, renewSqliteDocuments } from '../../src/commands/restored-documents.js';
import { WorkingCopies } from '../../src/documents/content/working-copies.js';
import { EventBus } from '../../src/foundation/events/event-bus.js';
import { LocksService } from '../../src/locks/locks.service.js';
import { Random } from '../convergence/random.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  putContent,
  write,
} from '../support/documents.js';
import { moveTo, until } from '../support/exchange.js';
import { around, atNext, holdNext, moment } from '../uploads/hold-back.js';
import { World } from '../uploads/world.js';

/** RACE_ROUNDS=500 makes ten times as many writes collide. */
const ROUNDS = Number(process.env.RACE_ROUNDS ?? 50);
const NOTHING = () => undefined;

/** The path of an epoch's working copy, whether the file exists or not. */
function copyOf(world: World, videoId: string, epoch: number): string {
  const video = Buffer.from(videoId).toString('hex');
  const known = world.workingCopies().filter((path) => path.includes(`/${video}/`));
  const name = known.map((path) => basename(path)).find((file) => file.startsWith(`${epoch}-`));
  const folder = join(world.data.env.DATA_DIR!, 'documents', known[0]!, '..');
  return join(folder, name ?? `${epoch}-${'0'.repeat(16)}.db`);
}

const copiedBytes = (world: World) =>
  world
    .workingCopies()
    .map((path) => statSync(join(world.data.env.DATA_DIR!, 'documents', path)).size)
    .reduce((sum, bytes) => sum + bytes, 0);

/** Replaces a file by a folder, which cannot be removed like a file. */
function makeUnremovable(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

/** Stops the server during `work`. */
async function whileDown(world: World, device: TestDevice, work: () => unknown): Promise<void> {
  await world.app.stop();
  await work();
  await world.start();
  await world.tick(); // the tick of the start has ended by then
  moveTo(device, world.app.url);
}

describe('on sqlite a write that was cut off leaves a file of the next epoch', () => {
  /** Without these files there is enough room. */
  const LEFT_BYTES = 200_000;
  const ways: Record<string, (world: World, laptop: TestDevice) => Promise<unknown>> = {
    'by a failing disk': async (world, laptop) => {
      atNext(world.app.nest.get(WorkingCopies), 'place', (real) => async (...args) => {
        await real(...args);
        throw new Error('The disk failed.');
      });
      const never = packedLayout(['never committed'], LEFT_BYTES);
      expect((await putContent(await hold(laptop, 'v1'), '1-1', never)).status).toBe(500);
    },
    'by the end of the process': (world, laptop) =>
      whileDown(world, laptop, () => writeFileSync(copyOf(world, 'v1', 2), Buffer.alloc(LEFT_BYTES))),
  };

  test.each(Object.entries(ways))(
    '%s: what takes its place is not removed to make room',
    async (_, cutOff) => {
      await using world = await World.make('sqlite', { MAX_WORKING_COPY_BYTES: '4150000' });
      const laptop = await world.newDevice();
      const stranger = await world.newDevice();
      await write(laptop, 'v1', ['before']);
      await world.pass(6);
      const pending = packedLayout(['pending'], 3_100_000);
      expect((await putContent(await hold(stranger, 'v3'), '0-0', pending)).status).toBe(200);
      await cutOff(world, laptop);
      moveTo(stranger, world.app.url);
      const small = await hold(laptop, 'v1');
      const large = await hold(stranger, 'v2');
      // The large write makes room while the small one has its file in place but is not committed.
      const copies = world.app.nest.get(WorkingCopies);
      const makesRoom = moment();
      let renamed = { reached: Promise.resolve(), goOn: NOTHING as () => void };
      atNext(copies.room, 'make', (real) => async (bytes) => {
        makesRoom.come();
        await delay(0);
        await renamed.reached;
        await real(bytes).finally(renamed.goOn);
      });
      const writingLarge = putContent(large, '0-0', packedLayout(['large'], 800_000));
      await makesRoom.hasCome;
      renamed = holdNext(fsPromises, 'rename', 'after');
      const written = await putContent(small, '1-1', packedLayout(['acknowledged']));
      expect(written.body).toMatchObject({ epoch: 2, server_version: 1 });
      expect((await writingLarge).status).toBe(200);
      expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
    },
  );
});

test.each([1])(
  'on sqlite writes at once where room is scarce and the disk fails at times lose nothing (seed %d)',
  async (seed) => {
    const dice = new Random(seed);
    const pause = () => delay(dice.integer(0, 3));
    await using world = await World.make('sqlite', { MAX_WORKING_COPY_BYTES: '1048576' });
    const devices = await Promise.all([1, 2, 3, 4].map(() => world.newDevice()));
    const copies = world.app.nest.get(WorkingCopies);
    let failures = 0;
    around(world.app.nest.get(DocumentsRepository), 'find', (real) => async (ref) => {
      await pause();
      return real(ref);
    });
    around(copies, 'place', (real) => async (...args) => {
      await real(...args);
      if (!dice.chance(0.3)) return;
      failures += 1;
      throw new Error('The disk failed.');
    });
    const undo = [
      around(fsPromises, 'rename', (real) => async (from, to) => {
        await real(from, to);
        await delay(dice.integer(0, 15));
      }),
      around(fsPromises, 'rm', (real) => async (path, options) => {
        await pause();
        await real(path, options);
      }),
    ];
    const acknowledged = new Map(devices.map((device) => [device, { epoch: 0, color: '' }]));
    const put = async (device: TestDevice, color: string) => {
      await delay(dice.integer(0, 30));
      const { epoch } = acknowledged.get(device)!;
      const body = packedLayout([color], dice.integer(0, 3) * 120_000);
      const reply = await putContent(await hold(device, 'v1'), `${epoch}-${epoch && 1}`, body);
      expect([200, 500, 503, 507]).toContain(reply.status);
      if (reply.status === 200) acknowledged.set(device, { epoch: epoch + 1, color });
    };
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const one = dice.pick(devices);
        const other = dice.pick(devices.filter((device) => device !== one));
        const uploading = dice.chance(0.4) ? world.pass(6) : undefined;
        await Promise.all([put(one, `one-${round}`), put(other, `other-${round}`), uploading]);
      }
      for (const [device, { epoch, color }] of acknowledged) {
        if (epoch > 0) expect(await download(device, 'v1')).toEqual([color]);
      }
      expect(failures).toBeGreaterThan(0);
    } finally {
      undo.forEach((restore) => restore());
    }
  },
);

forEachDatabase((database) => {
  const renew = async (world: World, at: number) => {
    const { DATA_DIR, DATABASE_URL } = world.data.env;
    if (database === 'sqlite') {
      const handle = new BetterSqlite(sqliteFile(DATA_DIR!));
      renewSqliteDocuments(handle, DATA_DIR!, at);
      handle.close();
      return;
    }
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await renewPostgresDocuments(client, at);
    await client.end();
  };

  test('what is written between two restores, the first by a clock ahead, is not hidden', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['old']);
    await world.pass(6);
    await whileDown(world, laptop, () => renew(world, 1_900_000_000_000));
    await write(laptop, 'v1', ['newest']);
    await whileDown(world, laptop, () => renew(world, 1_800_000_000_000));
    expect((await documentState(laptop, 'v1')).epoch).toBeGreaterThan(1_900_000_000_001);
    await world.pass(6);
    expect(await download(laptop, 'v1')).toEqual(['newest']);
  });

  test('a working copy that cannot be removed fails no committed write, and ends no server', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const { size_bytes, mark } = await write(laptop, 'v1', ['one']);
    const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
    const held = await world.app.nest.get(WorkingCopies).hold(ref, { epoch: 1, mark: mark! }, size_bytes);
    makeUnremovable(held!.path);
    await write(laptop, 'v1', ['two']);
    held!.release(); // an unhandled rejection after this fails the test
    makeUnremovable(copyOf(world, 'v1', 2));
    expect((await write(laptop, 'v1', ['three'])).epoch).toBe(3);
    expect(await download(laptop, 'v1')).toEqual(['three']);
  });

  test('a content that has come in whole may take its time: its connection is not cut off', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const holding = await hold(laptop, 'v1');
    const sockets: Socket[] = [];
    const server = world.app.nest.getHttpServer() as Server;
    server.on('request', ({ method, socket }) => method === 'PUT' && sockets.push(socket));
    const importing = holdNext(world.app.nest.get(SqliteWorkers), 'importDatabase', 'before');
    // So large that it has not arrived when the server reads it: only then is there a time limit, to be lifted later.
    const writing = putContent(holding, '0-0', packedLayout(['red'], 1_000_000));
    await importing.reached;
    await until(
      () => sockets[0]?.timeout,
      (timeoutMs) => timeoutMs === 0,
    ).finally(importing.goOn);
    expect((await writing).status).toBe(200);
  });
});

test('on postgres copies make room for others though nothing is uploaded: the journal has them', async () => {
  const cap = 1_048_576;
  await using world = await World.make('postgres', { MAX_WORKING_COPY_BYTES: String(cap) });
  const laptop = await world.newDevice();
  const videos = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];
  world.loseStore();
  for (const video of videos) {
    const reply = await putContent(await hold(laptop, video), '0-0', packedLayout([video], 300_000));
    expect(reply.status).toBe(200);
  }
  expect(copiedBytes(world)).toBeLessThanOrEqual(cap);
  world.returnStore();
  for (const video of videos) expect(await download(laptop, video)).toEqual([video]);
  expect(copiedBytes(world)).toBeLessThanOrEqual(cap);
});

test('on postgres a lock that a write keeps does not stop others from running out', async () => {
  await using world = await World.make('postgres');
  const laptop = await world.newDevice();
  expect((await lock(laptop, 'kept')).status).toBe(200);
  world.clock.ms += 1;
  expect((await lock(laptop, 'free')).status).toBe(200);
  world.clock.ms += 3_600_000;
  const told: string[] = [];
  world.app.nest.get(EventBus).subscribe('lock.changed', ({ lock: { video_id } }) => told.push(video_id));
  const locks = world.app.nest.get(LocksService);
  let expiring: Promise<number> | undefined;
  await world.app.nest.get(Database).transaction(async (tx) => {
    await tx.query(`SELECT 1 FROM document_locks WHERE video_id = 'kept' FOR UPDATE`);
    expiring = locks.expire(100);
    await until(
      () => told,
      (videos) => videos.length > 0,
    );
  });
  await expiring;
  expect(told).toEqual(['free']);
  await locks.expire(100);
  expect(told).toEqual(['free', 'kept']);
});

test('on postgres documents are made due at once, but for one that a write keeps', async () => {
  await using world = await World.make('postgres');
  const laptop = await world.newDevice();
  for (const video of ['v1', 'kept', 'v2']) await write(laptop, video, ['red']);
  let hastening: Promise<void> | undefined;
  await world.app.nest.get(Database).transaction(async (tx) => {
    await tx.query(`SELECT 1 FROM documents WHERE video_id = 'kept' FOR UPDATE`);
    hastening = world.app.nest.get(DocumentsRepository).hasten(world.clock.ms);
    await until(
      () =>
        world.query<{ video: string }>(
          `SELECT video_id AS video FROM documents WHERE upload_due_at = ${world.clock.ms} ORDER BY video_id`,
        ),
      (due) => due.map(({ video }) => video).join() === 'v1,v2',
    );
  });
  await hastening;
});
