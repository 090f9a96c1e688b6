import { TidemarkSync, type Session, type SyncOptions } from '../../examples/watermelondb/sync.js';
import { forEachDatabase } from '../support/app.js';
import { liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { shareApp } from '../support/shared-app.js';

/** A minimal app: a database, a session store, and the example's sync. */
class App {
  session: Session | null = null;
  writes = 0;
  readonly sync: TidemarkSync;

  constructor(
    readonly phone: Phone,
    options: Partial<SyncOptions> = {},
  ) {
    this.sync = new TidemarkSync({
      database: phone.database,
      url: `${phone.network.url}/api/v1`,
      fetch: phone.network.fetch,
      store: {
        read: () => Promise.resolve(this.session),
        write: async (session) => {
          this.session = session;
          this.writes += 1;
        },
      },
      ...options,
    });
  }
}

forEachDatabase((database) => {
  const server = shareApp(database);
  const install = async (options?: Partial<SyncOptions>): Promise<App> =>
    new App(await Phone.open(server().url), options);

  test('a first sign-in makes an account, a pairing code lets a second device join it', async () => {
    const kitchen = await install();
    const basement = await install();

    await kitchen.sync.signIn({ name: 'kitchen', platform: 'ios' });
    await kitchen.phone.create('games', { name: 'Friday' }, 'g');
    await kitchen.sync.sync();
    const { code, expires_at } = await kitchen.sync.createPairingCode();
    expect(expires_at).toBeGreaterThan(Date.now());
    await basement.sync.signIn({ name: 'basement', platform: 'android', pairing_code: code });
    await basement.sync.sync();

    expect(basement.session?.account_id).toBe(kitchen.session?.account_id);
    expect(basement.session?.device_id).not.toBe(kitchen.session?.device_id);
    expect(await basement.phone.everything()).toEqual(await kitchen.phone.everything());
  });

  test('after a first pull that was interrupted, the database still belongs to no account', async () => {
    let isInterrupted = true;
    const kitchen = await install();
    await kitchen.sync.signIn();
    await kitchen.phone.create('games', { name: 'Friday' }, 'g');
    await kitchen.sync.sync();
    const { code } = await kitchen.sync.createPairingCode();
    const { url, fetch } = kitchen.phone.network;
    const basement = await install({
      url: `${url}/api/v1`,
      fetch: async (...request) => {
        const response = await fetch(...request);
        if (!isInterrupted || !String(request[0]).includes('/sync/pull')) return response;
        const answer = (await response.json()) as Record<string, unknown>;
        return Response.json({ ...answer, timestamp: null }); // WatermelonDB fails before it stores anything
      },
    });
    await basement.sync.signIn(); // to an account of its own, which is younger
    await expect(basement.sync.sync()).rejects.toThrow();
    isInterrupted = false;
    await basement.sync.signIn({ pairing_code: code });
    await basement.sync.sync();
    await basement.sync.sync();

    expect(await basement.phone.everything()).toEqual(await kitchen.phone.everything());
  });

  test('a wrong pairing code signs nobody in and says what to do', async () => {
    const app = await install();

    await expect(app.sync.signIn({ pairing_code: 'ABCDEFGH' })).rejects.toMatchObject({
      code: 'PAIRING_CODE_INVALID',
      status: 400,
      hint: expect.stringMatching(/code/i),
    });
    expect(app.session).toBeNull();
  });

  test('without a sign-in no request is made', async () => {
    const app = await install();

    await expect(app.sync.sync()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' });
    expect(app.phone.network.exchanges).toEqual([]);
  });

  test('a token about to expire is renewed once, however many requests need it', async () => {
    const app = await install();
    const session = await app.sync.signIn();
    app.session = { ...session, expires_at: Date.now() + 1_000 };

    await Promise.all([app.sync.sync(), app.sync.createPairingCode(), app.sync.createPairingCode()]);

    expect(app.phone.network.count('token')).toBe(1);
    expect(app.writes).toBe(2);
    expect(app.session?.refresh_token).not.toBe(session.refresh_token);
    expect(app.session?.device_id).toBe(session.device_id);
    expect(app.session?.expires_at).toBeGreaterThan(Date.now() + 60_000);
  });

  test('a token that the server no longer takes is renewed, and the request made again', async () => {
    const app = await install();
    const session = await app.sync.signIn();
    app.session = { ...session, access_token: `${session.access_token.slice(0, -4)}AAAA` };
    await app.phone.create('games', { name: 'Friday' }, 'g');

    await app.sync.sync();

    expect(app.phone.network.exchanges.map(({ request, status }) => `${request} ${status}`)).toEqual([
      'devices 201',
      'pull 401',
      'token 200',
      'pull 200',
      'push 200',
    ]);
    expect(await app.phone.unsyncedCount()).toBe(0);
  });

  test('a request that learns late of its old token takes the one that another request renewed', async () => {
    const app = await install();
    const session = await app.sync.signIn();
    app.session = { ...session, access_token: `${session.access_token.slice(0, -4)}AAAA` };
    app.phone.network.next('pull', { after: () => app.sync.createPairingCode() });

    await app.sync.sync();

    expect(app.phone.network.count('pull', 401)).toBe(1);
    expect(app.phone.network.count('pull', 200)).toBe(1);
    expect(app.phone.network.count('token')).toBe(1);
  });

  test('a renewal whose answer is lost signs nobody out', async () => {
    const app = await install();
    app.session = { ...(await app.sync.signIn()), expires_at: 0 };
    app.phone.network.next('token', { fault: 'lost response' });

    await expect(app.sync.sync()).rejects.toMatchObject({ code: 'NO_ANSWER' });
    await app.sync.sync();

    expect(app.phone.network.count('token', 200)).toBe(1);
    expect(app.phone.network.count('pull', 200)).toBe(1);
  });

  test.each([{ signsIn: true }, { signsIn: false }])(
    'tokens that come late do not replace a newer session (a new sign-in: $signsIn)',
    async ({ signsIn }) => {
      const app = await install();
      const old = await app.sync.signIn();
      const newer = async (): Promise<Session> => {
        if (signsIn) return app.sync.signIn();
        const answer = await fetch(`${server().url}/api/v1/auth/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ refresh_token: old.refresh_token }),
        });
        return { ...old, ...((await answer.json()) as Partial<Session>) };
      };
      app.session = { ...old, expires_at: 0 };
      let session = old;
      app.phone.network.next('token', { after: async () => (app.session = session = await newer()) });

      await app.sync.sync();

      expect(app.session).toEqual(session);
      app.session = { ...session, expires_at: 0 };
      await app.sync.sync(); // the newer session's refresh token still works
      expect(app.session?.device_id).toBe(session.device_id);
    },
  );

  test('a late answer signs nobody in again who has signed out', async () => {
    const app = await install();
    app.session = { ...(await app.sync.signIn()), expires_at: 0 };
    app.phone.network.next('token', { after: async () => (app.session = null) });

    await app.sync.sync().catch(() => undefined);

    expect(app.session).toBeNull();
  });

  test.each([3_600_000, 366 * 86_400_000])(
    'with a clock %d ms ahead, tokens are renewed when the server says so and not before each request',
    async (ahead) => {
      const app = await install();
      const { now } = Date;
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
      try {
        await app.sync.signIn();
        await app.sync.sync();
        await app.sync.sync();
        expect(app.phone.network.count('token')).toBe(0);

        app.session = {
          ...app.session!,
          access_token: `${app.session!.access_token.slice(0, -4)}AAAA`,
        };
        await app.sync.sync();
        await app.sync.sync();
        expect(app.phone.network.count('token')).toBe(1);
      } finally {
        clock.mockRestore();
      }
    },
  );

  test('a revoked device is told so and keeps its unsynced data', async () => {
    const owner = await Phone.open(server().url);
    const app = await install();
    const { code } = await owner.client.createPairingCode();
    const { device_id } = await app.sync.signIn({ pairing_code: code });
    await app.sync.sync();
    await app.phone.create('games', { name: 'Friday' }, 'g');

    expect((await owner.device.request('DELETE', `/auth/devices/${device_id}`)).status).toBe(204);

    await expect(app.sync.sync()).rejects.toMatchObject({ status: 401, code: 'DEVICE_REVOKED' });
    expect(await app.phone.unsyncedCount()).toBe(1);
    await app.sync.signIn({ pairing_code: (await owner.client.createPairingCode()).code });
    await app.sync.sync();
    expect((await liveRows(owner.device)).games).toHaveLength(1);
  });

  test('a database of one account is never mixed into another', async () => {
    const app = await install();
    const stranger = await Phone.open(server().url);
    await stranger.create('games', { name: 'Theirs' }, 'theirs');
    await stranger.sync();
    await app.sync.signIn();
    await app.phone.create('games', { name: 'Ours' }, 'ours');
    await app.sync.sync();
    await app.phone.update('games', 'ours', { name: 'Ours, edited' });

    await app.sync.signIn({ pairing_code: (await stranger.client.createPairingCode()).code });

    await expect(app.sync.sync()).rejects.toMatchObject({ code: 'HISTORY_CHANGED', status: 409 });
    expect(await app.phone.rows('games')).toMatchObject([{ id: 'ours', name: 'Ours, edited' }]);
    expect((await liveRows(stranger.device)).games).toMatchObject([{ id: 'theirs' }]);
  });

  test('a person who then decides to start fresh gets the data of the other account', async () => {
    const app = await install();
    const stranger = await Phone.open(server().url);
    await stranger.create('games', { name: 'Theirs' }, 'theirs');
    await stranger.sync();
    await app.sync.signIn();
    await app.phone.create('games', { name: 'Ours' }, 'ours');
    await app.sync.sync();
    await app.sync.signIn({ pairing_code: (await stranger.client.createPairingCode()).code });
    const { database } = app.phone;

    await database.write(() => database.unsafeResetDatabase());
    await app.sync.sync();

    expect(await app.phone.rows('games')).toMatchObject([{ id: 'theirs' }]);
    await app.phone.create('games', { name: 'Joint' }, 'joint');
    await app.sync.sync();
    await stranger.sync();
    expect(await stranger.rows('games')).toMatchObject([{ id: 'joint' }, { id: 'theirs' }]);
  });

  test('a database that is reset during a sync is not filled with what was under way', async () => {
    const phone = await Phone.open(server().url);
    await phone.create('games', { name: 'Friday' }, 'g');
    await phone.sync();
    const { database } = phone;
    phone.network.next('pull', { after: () => database.write(() => database.unsafeResetDatabase()) });

    await expect(phone.sync()).rejects.toThrow('database was reset');
    expect(await phone.rows('games')).toEqual([]);
    expect(await phone.lastPulledAt()).toBeNull();
    await phone.sync();
    expect(await phone.rows('games')).toMatchObject([{ id: 'g', name: 'Friday' }]);
  });

  test('a page that is no answer of ours, as a hotel network gives it, is a missing connection', async () => {
    const portal: typeof fetch = () =>
      Promise.resolve(
        new Response('<html>Welcome, please log in</html>', { headers: { 'content-type': 'text/html' } }),
      );
    const app = await install({ fetch: portal });

    await expect(app.sync.signIn()).rejects.toMatchObject({ code: 'NO_ANSWER', status: 0 });
    expect(app.session).toBeNull();
  });

  test('a connection that hangs is given up, so that later syncs are not held up', async () => {
    const app = await install();
    const hung = new App(app.phone, {
      timeoutMs: 50,
      fetch: (_, init) =>
        new Promise((__, reject) =>
          init!.signal!.addEventListener('abort', () => reject(new Error('aborted'))),
        ),
    });
    hung.session = await app.sync.signIn();

    await expect(hung.sync.sync()).rejects.toMatchObject({ code: 'NO_ANSWER' });
    await app.sync.sync();

    expect(await app.phone.lastPulledAt()).not.toBeNull();
  });
});
