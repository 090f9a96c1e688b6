import { AppError } from '../../src/foundation/errors/app-error.js';
import type { Lock, Session } from '../../src/locks/lock.js';
import { startApp, type TestApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import {
  documentState,
  hold,
  packedLayout,
  putContent,
  release,
  type Holding,
} from '../support/documents.js';
import { moveTo, until } from '../support/exchange.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { databaseOf, expectOneWinnerEach, locksOf, newDocument, person, request } from './support.js';

const CONTENDERS = 50;
const DEADLINE_MS = 240_000;

// Locks protect writes, so the proof is a log of writes in the order of their commits: if the token never decreases and
// each token belongs to one session, no two sessions held the lock at once.
interface Entry {
  token: number;
  session: string;
}

function expectOneHolderAtATime(log: Entry[]): void {
  const tokens = log.map(({ token }) => token);
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  const grants = new Set(log.map(({ token, session }) => `${token} ${session}`));
  expect(grants.size).toBe(new Set(tokens).size);
}

describe('50 contenders for one lock, over two servers on one PostgreSQL', () => {
  let here: TestApp;
  let there: TestApp;
  beforeAll(async () => {
    here = await startApp('postgres');
    there = await startApp('postgres', { storage: here.storage });
    await databaseOf(here).query(
      'CREATE TABLE lock_log (n serial, document text, token bigint, session text)',
    );
  });
  afterAll(async () => {
    await there.close();
    await here.close();
  });

  const ref = newDocument();
  const serverOf = (index: number) => (index % 2 === 0 ? here : there);

  /** Writes under the lock as long as it is held. @returns how many writes succeeded */
  async function writeWhileHeld(app: TestApp, { holder, fencingToken }: Lock, times: number, document = ref) {
    const { sessionId, userId } = holder;
    for (let written = 0; written < times; written++) {
      try {
        await databaseOf(app).transaction(async (tx) => {
          await locksOf(app).assertHeld(tx, document, { sessionId, userId, fencingToken });
          await tx.query('INSERT INTO lock_log (document, token, session) VALUES ($1, $2, $3)', [
            document.videoId,
            fencingToken,
            `${userId} ${sessionId}`,
          ]);
        });
      } catch (error) {
        if (error instanceof AppError && error.code === 'LOCK_REQUIRED') return written;
        throw error;
      }
    }
    return times;
  }

  const log = (document = ref) =>
    databaseOf(here).query<Entry>('SELECT token, session FROM lock_log WHERE document = $1 ORDER BY n', [
      document.videoId,
    ]);

  /** Requests the lock until it is granted. */
  const acquire = (app: TestApp, session: Session, takeOver: boolean, document = ref): Promise<Lock> =>
    until(
      async () => {
        try {
          return await locksOf(app).acquire(document, request(session, { takeOver }));
        } catch (error) {
          if (error instanceof AppError && error.code === 'LOCK_HELD') return null;
          throw error;
        }
      },
      (lock) => lock !== null,
      DEADLINE_MS,
    ) as Promise<Lock>;

  test('users who wait for one another: each gets it, nobody is disturbed, and no two hold it at once', async () => {
    const document = newDocument();
    const users = Array.from({ length: CONTENDERS }, (_, index) => person(`user-${index}`));
    let holders = 0;
    const tokens = await Promise.all(
      users.map(async (user, index) => {
        const app = serverOf(index);
        const lock = await acquire(app, user, false, document);
        holders += 1;
        expect(holders).toBe(1);
        expect(await writeWhileHeld(app, lock, 3, document)).toBe(3);
        holders -= 1;
        await locksOf(serverOf(index + 1)).release(document, user.sessionId, user.userId);
        return lock.fencingToken;
      }),
    );
    expect(tokens.toSorted((a, b) => a - b)).toEqual(users.map((_, index) => index + 1));
    const entries = await log(document);
    expect(entries).toHaveLength(3 * CONTENDERS);
    expectOneHolderAtATime(entries);
  });

  test('sessions that transfer it, take it over, renew and release late: every write is by the holder of then', async () => {
    const sessions = Array.from({ length: CONTENDERS }, (_, index) =>
      person(`user-${index % 10}`, `session-${index % 25}`),
    );
    const granted = new Map<number, string>();
    await Promise.all(
      sessions.map(async (session, index) => {
        const app = serverOf(index);
        for (let round = 0; round < 4; round++) {
          const lock = await acquire(app, session, (index + round) % 3 === 0);
          const name = `${session.userId} ${session.sessionId}`;
          expect([undefined, name]).toContain(granted.get(lock.fencingToken));
          granted.set(lock.fencingToken, name);
          await writeWhileHeld(app, lock, 2);
          await locksOf(app)
            .release(ref, session.sessionId, session.userId)
            .catch((error: AppError) => expect(error.code).toBe('LOCK_OF_ANOTHER'));
          await writeWhileHeld(app, lock, 1); // too late: the lock is released
        }
      }),
    );
    const entries = await log();
    expect(entries.length).toBeGreaterThan(CONTENDERS);
    expectOneHolderAtATime(entries);
    for (const { token, session } of entries) expect(granted.get(token)).toBe(session);
  });

  test('of all who ask for a free lock at the same moment exactly one gets it, round after round', () =>
    expectOneWinnerEach(20, CONTENDERS, serverOf));
});

describe('50 contenders for one lock, over two server processes', () => {
  let storage: Storage;
  let servers: ServerProcess[] = [];
  beforeAll(async () => {
    storage = await createStorage('postgres');
    const env = { MAX_DEVICES_PER_ACCOUNT: '30' };
    servers = await Promise.all([0, 1].map(() => startServer({ storage, env })));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await storage.dispose();
  });

  /** Devices of one account, every second one on the second server. */
  async function family(count: number): Promise<TestDevice[]> {
    const first = await TestDevice.register(servers[0]!.url);
    const devices = [first];
    while (devices.length < count) devices.push(await first.pair());
    devices.forEach((device, index) => moveTo(device, servers[index % 2]!.url));
    return devices;
  }

  /** Locks, replaces the current content, and releases. @returns the written epoch; null: the lock was lost before */
  async function writeOnce(holding: Holding): Promise<number | null> {
    const { device, videoId } = holding;
    const { epoch, server_version } = await documentState(device, videoId);
    const { status, body } = await putContent(holding, `${epoch}-${server_version}`, packedLayout());
    await release(holding);
    if (status === 200) return epoch + 1;
    // Not 412: as long as its token is valid, no other session changes the version.
    expect(body).toMatchObject({ code: 'LOCK_REQUIRED' });
    return null;
  }

  test('the tokens of the contents that were written, in their order, never fall and belong to one session each', async () => {
    const devices = await family(25);
    const contenders = Array.from({ length: CONTENDERS }, (_, index) => ({
      device: devices[index % devices.length]!,
      sessionId: `session-${index}`,
      takeOver: index % 10 === 0,
    }));
    const log: (Entry & { epoch: number })[] = [];
    await Promise.all(
      contenders.map(({ device, sessionId, takeOver }) =>
        until(
          async () => {
            const body = { session_id: sessionId, take_over: takeOver };
            const holding = await hold(device, 'video', body).catch(ifHeld);
            const epoch = holding && (await writeOnce(holding));
            if (epoch) log.push({ epoch, token: holding.fencingToken, session: sessionId });
            return epoch;
          },
          (epoch) => epoch !== null,
          DEADLINE_MS,
        ),
      ),
    );
    log.sort((a, b) => a.epoch - b.epoch);
    expect(log.map(({ epoch }) => epoch)).toEqual(contenders.map((_, index) => index + 1));
    expectOneHolderAtATime(log);
  });
});

/** @returns null if the lock was refused because another session holds it */
function ifHeld(error: Error): null {
  if (error.message.startsWith('Not granted: 423')) return null;
  throw error;
}
