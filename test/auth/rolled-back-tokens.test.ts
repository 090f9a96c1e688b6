import { randomBytes } from 'node:crypto';
import { Database, type SqlValue } from '../../src/foundation/database/database.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send, type Reply, type TestDevice } from '../support/device.js';
import { expectProblem, moveTo, pull } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';

const [SECRET, NEWER_SECRET] = ['s', 'n'].map((char) => char.repeat(40)) as [string, string];
const made = (bytes: number): string => randomBytes(bytes).toString('base64url');

/** The parts of a refresh token. */
const partsOf = (token: string): string[] => token.split('.');
const withPart = (token: string, index: number, part: string): string =>
  partsOf(token)
    .map((own, n) => (n === index ? part : own))
    .join('.');
const withoutProof = (token: string): string => partsOf(token).slice(0, 5).join('.');

/**
 * 0004: the server's database went back in time, as when a snapshot of its volume is put back or a standby takes over
 * that lacked the last commits. `remember` takes the snapshot of one device's row.
 */
forEachDatabase((database) => {
  const app = shareApp(database, { env: { JWT_SECRET: SECRET } });

  const COLUMNS = ['refresh_family', 'refresh_generation', 'refresh_current', 'refresh_previous'];

  /** @returns what puts the device's tokens back to how the database has them now */
  async function remember(
    { deviceId }: TestDevice,
    from = app(),
  ): Promise<(into?: TestApp) => Promise<void>> {
    const [row] = await from.nest
      .get(Database)
      .query<Record<string, SqlValue>>(`SELECT ${COLUMNS.join(', ')} FROM devices WHERE id = $1`, [deviceId]);
    return async (into = from) => {
      const sets = COLUMNS.map((column, n) => `${column} = $${n + 2}`).join(', ');
      await into.nest
        .get(Database)
        .write(`UPDATE devices SET ${sets} WHERE id = $1`, [
          deviceId,
          ...COLUMNS.map((column) => row![column]!),
        ]);
    };
  }

  const use = (refreshToken: string, url = app().url): Promise<Reply> =>
    send('POST', `${url}/api/v1/auth/token`, { body: { refresh_token: refreshToken } });

  /** Exchanges the device's token `times` times. @returns the tokens it had, the present one last */
  async function renew(device: TestDevice, times: number): Promise<string[]> {
    const tokens = [device.refreshToken];
    for (let n = 0; n < times; n += 1) {
      expect((await device.refresh()).status).toBe(200);
      tokens.push(device.refreshToken);
    }
    return tokens;
  }

  async function expectIn(device: TestDevice): Promise<void> {
    expect((await device.refresh()).status).toBe(200);
    await pull(device);
    expect((await device.refresh()).status).toBe(200);
  }

  test.each([1, 2, 7])(
    'a device that renewed its tokens %i times in the lost time gets back in',
    async (times) => {
      const device = await app().newDevice();
      await renew(device, 2);
      const goBack = await remember(device);
      await renew(device, times);
      await goBack();
      await expectIn(device);
    },
  );

  test('so does one whose last answer got lost, with the token that it still has', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    await renew(device, 3);
    await use(device.refreshToken);
    await goBack();
    await expectIn(device);
  });

  test('and one that got its second answer to the same token in the lost time', async () => {
    const device = await app().newDevice();
    const first = device.refreshToken;
    await renew(device, 1);
    const goBack = await remember(device);
    device.refreshToken = first;
    await renew(device, 1);
    await goBack();
    await expectIn(device);
  });

  test('after that, the previous token works once more, and an older one revokes the device', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const tokens = await renew(device, 5);
    await goBack();
    await renew(device, 1);
    device.refreshToken = tokens.at(-1)!;
    await expectIn(device);
    expectProblem(await use(tokens[2]!), 401, 'DEVICE_REVOKED');
    expectProblem(await device.pull(), 401, 'DEVICE_REVOKED');
  });

  test('several such losses one after another change nothing of this', async () => {
    const device = await app().newDevice();
    for (let n = 0; n < 3; n += 1) {
      const goBack = await remember(device);
      await renew(device, 2);
      await goBack();
    }
    await expectIn(device);
  });

  test('a first token used by somebody else does not lock out the real device, and the other one is found out', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const [stolen] = await renew(device, 6);
    await goBack();
    const others = await use(stolen!);
    expect(others.status).toBe(200); // a device that slept through the lost time would have just this token
    await expectIn(device);
    expectProblem(await use(others.body.refresh_token as string), 401, 'DEVICE_REVOKED');
  });

  test('a token stolen in the lost time does not lock out the real device either', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const tokens = await renew(device, 6);
    await goBack();
    const others = await use(tokens[3]!);
    await expectIn(device);
    for (const token of [others.body.refresh_token as string, tokens[4]!]) {
      expectProblem(await use(token), 401, 'DEVICE_REVOKED');
    }
  });

  test('two holders of one device never both stay in', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const [, second, ...rest] = await renew(device, 3);
    await goBack();
    let [mine, theirs] = [rest.at(-1)!, second!];
    const statuses: number[] = [];
    for (let turn = 0; turn < 6 && !statuses.includes(401); turn += 1) {
      const [own, other] = [await use(mine), await use(theirs)];
      statuses.push(own.status, other.status);
      mine = own.body.refresh_token as string;
      theirs = other.body.refresh_token as string;
    }
    expect(statuses).toContain(401);
    expectProblem(await device.pull(), 401, 'DEVICE_REVOKED');
  });

  test('two that race with tokens of the lost time leave the device as it is or revoked, never broken', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const tokens = await renew(device, 3);
    await goBack();
    const replies = await Promise.all(tokens.slice(1).flatMap((token) => [use(token), use(token)]));
    for (const reply of replies) expect([200, 401]).toContain(reply.status);
    const isRevoked = replies.some(({ body }) => body.code === 'DEVICE_REVOKED');
    expect((await device.pull()).status).toBe(isRevoked ? 401 : 200);
  });

  test('no made-up token is taken, and the real device gets in after all of them', async () => {
    const [device, other] = [await app().newDevice(), await app().newDevice()];
    const goBack = await remember(device);
    await renew(other, 4);
    const tokens = await renew(device, 4);
    await goBack();
    const own = device.refreshToken;
    const proof = partsOf(own)[5]!;
    const forged = [
      withPart(own, 4, made(32)), // a secret of one's own
      withPart(own, 5, made(32)),
      withPart(own, 2, '9'),
      withPart(own, 2, '999999999'),
      withPart(own, 2, `0${partsOf(own)[2]}`),
      withPart(withPart(own, 2, '6'), 5, proof),
      withPart(own, 5, partsOf(tokens[1]!)[5]!), // the proof of another generation
      withPart(other.refreshToken, 3, partsOf(own)[3]!), // another account's, with this family
      withPart(withPart(other.refreshToken, 0, device.accountId), 1, device.deviceId),
      withPart(own, 0, other.accountId),
      withPart(own, 1, other.deviceId),
      withoutProof(own),
      own.slice(0, -1),
      `${withoutProof(own)}.`,
      `${own}.${proof}`,
      own.slice(0, -2) + own.slice(-1),
    ];
    for (const token of forged) {
      const reply = await use(token);
      expect({ token, status: reply.status }).toEqual({ token, status: 401 });
    }
    await pull(other);
    await expectIn(device);
  });

  test('a token without a proof, from an earlier version, is judged by what is stored alone', async () => {
    const device = await app().newDevice();
    const goBack = await remember(device);
    const [first, second, third] = (await renew(device, 2)).map(withoutProof);
    await goBack();
    for (const token of [third!, second!]) expectProblem(await use(token), 401, 'TOKEN_INVALID');
    await pull(device);
    device.refreshToken = first!;
    await expectIn(device);
  });

  test('a device that the restore of an earlier version marked gets in after the upgrade, once', async () => {
    const device = await app().newDevice();
    const [first, second, third] = (await renew(device, 2)).map(withoutProof);
    await app()
      .nest.get(Database)
      .write(
        `UPDATE devices SET refresh_generation = 0, refresh_current = '[]', refresh_previous = NULL WHERE id = $1`,
        [device.deviceId],
      );
    expectProblem(await use(withPart(third!, 3, made(16))), 401, 'TOKEN_INVALID');
    device.refreshToken = second!;
    await expectIn(device);
    expectProblem(await use(first!), 401, 'DEVICE_REVOKED');
  });

  describe('when the secret changes', () => {
    let storage: Storage;
    beforeEach(async () => (storage = await createStorage(database)));
    afterEach(() => storage.dispose());
    const start = (JWT_SECRET: string, JWT_SECRET_PREVIOUS = ''): Promise<TestApp> =>
      startApp(database, { storage, env: { JWT_SECRET, JWT_SECRET_PREVIOUS } });

    test('the proof counts under both secrets while they rotate', async () => {
      await using before = await start(SECRET);
      const device = await before.newDevice();
      const goBack = await remember(device, before);
      await renew(device, 3);
      await before.stop();
      {
        await using strange = await start(NEWER_SECRET);
        await goBack(strange);
        expectProblem(await use(device.refreshToken, strange.url), 401, 'TOKEN_INVALID');
      }
      await using rotating = await start(NEWER_SECRET, SECRET);
      moveTo(device, rotating.url);
      await expectIn(device);
      await goBack(rotating);
      await rotating.stop();
      await using after = await start(NEWER_SECRET);
      moveTo(device, after.url);
      await expectIn(device); // its proof is of the newer secret since it was renewed
    });

    test('the stored tokens work on, also without a word of the old secret', async () => {
      await using before = await start(SECRET);
      const device = await before.newDevice();
      const previous = device.refreshToken;
      await renew(device, 1);
      await before.stop();
      await using after = await start(NEWER_SECRET);
      for (const token of [previous, device.refreshToken])
        expect((await use(token, after.url)).status).toBe(200);
    });
  });
});
