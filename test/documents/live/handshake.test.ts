import { forEachDatabase } from '../../support/app.js';
import { hold, lock } from '../../support/documents.js';
import type { TestDevice } from '../../support/device.js';
import { LiveClient, LiveSocket, liveUrl, type LiveAuth } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { shareApp } from '../../support/shared-app.js';

/** A handshake that is well formed, of a client that only watches. */
function watching(device: TestDevice, overrides: LiveAuth = {}): LiveAuth {
  return {
    access_token: device.accessToken,
    protocol_version: 1,
    session_id: 'tab',
    fencing_token: null,
    schema_version: 1,
    epoch: 1,
    since: 1,
    site_id: 'ab'.repeat(16),
    ...overrides,
  };
}

forEachDatabase((database) => {
  const app = shareApp(database);

  async function refusalOf(device: TestDevice, auth: LiveAuth, namespace = liveUrl(device.url, 'v')) {
    using socket = new LiveSocket(namespace, auth);
    return await socket.refusal();
  }

  test.each<[string, LiveAuth]>([
    ['no protocol_version', { protocol_version: undefined }],
    ['a session id with blanks', { session_id: 'a b' }],
    ['no fencing_token, not even null', { fencing_token: undefined }],
    ['a fencing token that is no number', { fencing_token: '1' }],
    ['a schema version of half', { schema_version: 1.5 }],
    ['a negative epoch', { epoch: -1 }],
    ['no cursor', { since: null }],
    ['a mark that is none', { since_mark: 'new' }],
    ['an answered version that is none', { answered: 'x' }],
    ['a site id of 15 bytes', { site_id: 'ab'.repeat(15) }],
    ['a site id in upper case', { site_id: 'AB'.repeat(16) }],
  ])('a handshake that is not well formed is refused: %s', async (_, overrides) => {
    const device = await app().newDevice();
    expect(await refusalOf(device, watching(device, overrides))).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
    });
  });

  test('an id that is no video’s is refused', async () => {
    const device = await app().newDevice();
    const namespace = `${device.url}/videos/a%20b/sync/captions`;
    expect(await refusalOf(device, watching(device), namespace)).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('another version of the protocol is refused before anything else is read', async () => {
    const device = await app().newDevice();
    expect(await refusalOf(device, { protocol_version: 2 })).toMatchObject({
      status: 409,
      code: 'PROTOCOL_MISMATCH',
      protocol_version: 1,
    });
  });

  test('a client without a valid token is refused before it learns what there is', async () => {
    const device = await app().newDevice();
    const codeOf = async (token: unknown) =>
      (await refusalOf(device, watching(device, { access_token: token }))).code;
    expect(await codeOf(undefined)).toBe('TOKEN_MISSING');
    expect(await codeOf('nonsense')).toBe('TOKEN_INVALID');
    const other = await device.pair();
    await device.request('DELETE', `/auth/devices/${other.deviceId}`);
    expect(await codeOf(other.accessToken)).toBe('DEVICE_REVOKED');
  });

  test('a page of another origin is refused first of all', async () => {
    const device = await app().newDevice();
    using socket = new LiveSocket(
      liveUrl(device.url, 'v'),
      {},
      { extraHeaders: { origin: 'https://evil.example' } },
    );
    expect(await socket.refusal()).toMatchObject({ status: 403, code: 'ORIGIN_REFUSED' });
  });

  test('a document that is not there is not found: no such kind, no content, another account’s', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    const stranger = await app().newDevice();
    expect(await refusalOf(stranger, watching(stranger))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const codeIn = async (url: string) => (await refusalOf(device, watching(device), url)).code;
    expect(await codeIn(liveUrl(device.url, 'v', 'subtitles'))).toBe('NOT_FOUND');
    expect(await codeIn(liveUrl(device.url, 'another'))).toBe('NOT_FOUND');
    await lock(device, 'locked', {}, 'captions');
    expect(await codeIn(liveUrl(device.url, 'locked'))).toBe('NOT_FOUND');
  });

  test('a copy with other tables is refused, and told the server’s version', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    expect(await refusalOf(device, watching(device, { schema_version: 2, epoch: 7 }))).toMatchObject({
      status: 409,
      code: 'SCHEMA_MISMATCH',
      schema_version: 1,
    });
  });

  test('a copy of another epoch, or from the future, is refused before its lock is looked at', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    const current = { status: 409, code: 'EPOCH_CHANGED', epoch: 1, server_version: 1 };
    for (const overrides of [
      { epoch: 2 },
      { epoch: 0 },
      { since: 2 },
      { answered: 2 },
      { since_mark: '0123456789abcdef' },
      { answered: 1, answered_mark: '0123456789abcdef' },
    ]) {
      const auth = watching(device, { fencing_token: 99, ...overrides });
      expect(await refusalOf(device, auth)).toMatchObject(current);
    }
  });

  test('a fencing token that is not the newest, or another session’s, is refused', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    const { sessionId, fencingToken } = await hold(device, 'v', {}, 'captions');
    const codeOf = async (overrides: LiveAuth) => (await refusalOf(device, watching(device, overrides))).code;
    expect(await codeOf({ session_id: sessionId, fencing_token: fencingToken - 1 })).toBe('LOCK_REQUIRED');
    expect(await codeOf({ session_id: 'other', fencing_token: fencingToken })).toBe('LOCK_REQUIRED');
    const other = await device.pair();
    const auth = watching(other, { session_id: sessionId, fencing_token: fencingToken });
    expect((await refusalOf(other, auth)).code).toBe('LOCK_REQUIRED');
  });

  test('a copy that still has the server’s identity is refused', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    using client = await LiveClient.open(device, 'v');
    const auth = watching(device, { site_id: client.copy.serverSiteId });
    expect(await refusalOf(device, auth)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  test('a watcher is greeted with what the server has, and with nothing to come', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    using client = await LiveClient.open(device, 'v');
    expect(await client.connect()).toEqual({
      protocol_version: 1,
      schema_version: 1,
      epoch: 1,
      server_version: 1,
      mark: expect.stringMatching(/^[0-9a-f]{16}$/),
      server_site_id: client.copy.serverSiteId,
      role: 'watcher',
      lock_expires_at: null,
      token_expires_at: expect.any(Number),
      ahead: { rows: 0, bytes: 0 },
    });
  });

  test('the holder is greeted as such, until when', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    const holding = await hold(device, 'v', {}, 'captions');
    using client = await LiveClient.open(device, 'v', holding);
    const hello = await client.connect();
    expect(hello.role).toBe('holder');
    expect(hello.lock_expires_at).toBeGreaterThan(Date.now());
  });

  test('a document whose content was replaced meanwhile asks for a new download', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using client = await LiveClient.open(device, 'v');
    await client.connect();
    await captions(device, 'v', { holding });
    expect(await client.socket!.closed()).toMatchObject({
      code: 'EPOCH_CHANGED',
      epoch: 2,
      server_version: 1,
    });
    expect(await refusalOf(device, client.auth)).toMatchObject({ code: 'EPOCH_CHANGED', epoch: 2 });
  });
});
