import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { forEachDatabase, startApp } from '../support/app.js';
import { send } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  release,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { TestSocket } from '../support/socket.js';
import { shareApp } from '../support/shared-app.js';

const OPERATOR_TOKEN = 'operator-'.repeat(4);

forEachDatabase((database) => {
  const app = shareApp(database, { env: { OPERATOR_TOKEN, MAX_DOCUMENT_BYTES: '8388608' } });

  test('a document that was never written has no content and no lock', async () => {
    const laptop = await app().newDevice();
    expect(await documentState(laptop, 'v1')).toEqual({
      video_id: 'v1',
      database: 'layout',
      exists: false,
      epoch: 0,
      server_version: 0,
      mark: null,
      stored_version: null,
      lock: null,
      size_bytes: 0,
      updated_at: null,
      uploaded_at: null,
      upload_failures: 0,
    });
  });

  test('the holder of the lock writes, and every write begins a new epoch', async () => {
    const laptop = await app().newDevice();
    const holding = await hold(laptop, 'v1');
    const first = await putContent(holding, '0-0', packedLayout(['red']));
    expect(first.body).toMatchObject({ exists: true, epoch: 1, server_version: 1, stored_version: null });
    expect(first.body.size_bytes).toBeGreaterThan(4_096);
    const second = await putContent(holding, '1-1', packedLayout(['red', 'green']));
    expect(second.body).toMatchObject({ epoch: 2, server_version: 1 });
    expect(await documentState(laptop, 'v1')).toEqual(second.body);
    expect((await documentState(laptop, 'v1', 'captions')).exists).toBe(false);
  });

  test('another user cannot write with the session and the token of the one who holds the lock', async () => {
    const laptop = await app().newDevice();
    const phone = await laptop.pair();
    const holding = await hold(laptop, 'v1');
    const foreign = await putContent({ ...holding, device: phone }, '0-0', packedLayout(['foreign']));
    expectProblem(foreign, 423, 'LOCK_REQUIRED');
    expect((await putContent(holding, '0-0', packedLayout(['mine']))).status).toBe(200);
    expect(await download(phone, 'v1')).toEqual(['mine']);
  });

  test('a write over another version than it says is refused and tells the version', async () => {
    const laptop = await app().newDevice();
    await write(laptop, 'v1', ['red']);
    const holding = await hold(laptop, 'v1');
    for (const stale of ['0-0', '1-0', '2-1']) {
      const reply = await putContent(holding, stale, packedLayout());
      expectProblem(reply, 412, 'VERSION_MISMATCH');
      expect(reply.body).toMatchObject({ epoch: 1, server_version: 1 });
    }
    expectProblem(await putContent(holding, null, packedLayout()), 428, 'PRECONDITION_REQUIRED');
    expectProblem(await putContent(holding, 'x', packedLayout()), 400, 'BAD_REQUEST');
    expect((await documentState(laptop, 'v1')).epoch).toBe(1);
  });

  test('of two writes over the same version one is taken', async () => {
    const laptop = await app().newDevice();
    const holding = await hold(laptop, 'v1');
    const bodies = [packedLayout(['red']), packedLayout(['green'])];
    const replies = await Promise.all(bodies.map((body) => putContent(holding, '0-0', body)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect((await documentState(laptop, 'v1')).epoch).toBe(1);
  });

  test('nobody writes without the lock, with an old fencing token, or after its release', async () => {
    const laptop = await app().newDevice();
    const nothing = { device: laptop, videoId: 'v1', kind: 'layout', sessionId: 's', fencingToken: 1 };
    expectProblem(await putContent(nothing, '0-0', packedLayout()), 423, 'LOCK_REQUIRED');
    const first = await hold(laptop, 'v1', { session_id: 'tab-1' });
    const second = await hold(laptop, 'v1', { session_id: 'tab-2' });
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    expectProblem(await putContent(first, '0-0', packedLayout()), 423, 'LOCK_REQUIRED');
    const pretending = { ...second, fencingToken: first.fencingToken };
    expectProblem(await putContent(pretending, '0-0', packedLayout()), 423, 'LOCK_REQUIRED');
    expect((await release(first)).status).toBe(204);
    expect((await putContent(second, '0-0', packedLayout())).status).toBe(200);
    expect((await release(second)).status).toBe(204);
    expectProblem(await putContent(second, '1-1', packedLayout()), 423, 'LOCK_REQUIRED');
  });

  test('a release that arrives late does not end a later holding of the same session', async () => {
    const laptop = await app().newDevice();
    const phone = await laptop.pair();
    const first = await hold(laptop, 'v1', { session_id: 'tab-1' });
    expect((await release(first)).status).toBe(204);
    const second = await hold(laptop, 'v1', { session_id: 'tab-1' });
    const releaseWith = (fencing_token: string | number, device = laptop) =>
      device.request('DELETE', `${pathOf('v1')}/lock`, { query: { session_id: 'tab-1', fencing_token } });
    for (const token of [first.fencingToken, 0, second.fencingToken + 1]) {
      expect((await releaseWith(token)).status).toBe(204);
    }
    for (const malformed of ['', 'x', '-1', '1.5', '1e3', ' 2', '9'.repeat(16)]) {
      expectProblem(await releaseWith(malformed), 400, 'BAD_REQUEST');
    }
    const repeated = [first.fencingToken, second.fencingToken];
    const twice = await laptop.request('DELETE', `${pathOf('v1')}/lock`, {
      query: { session_id: 'tab-1', fencing_token: repeated },
    });
    expectProblem(twice, 400, 'BAD_REQUEST');
    expectProblem(await releaseWith(second.fencingToken, phone), 403, 'LOCK_OF_ANOTHER');
    expect((await documentState(laptop, 'v1')).lock).toMatchObject({ mine: true });
    expect((await putContent(second, '0-0', packedLayout())).status).toBe(200);
    expect((await releaseWith(second.fencingToken)).status).toBe(204);
    expect((await documentState(laptop, 'v1')).lock).toBeNull();
  });

  test('another device waits, or takes over, and is told whether it has to download', async () => {
    const laptop = await app().newDevice();
    const tablet = await laptop.pair({ name: 'Tablet' });
    await write(laptop, 'v1', ['red']);
    await hold(laptop, 'v1', { reason: 'Cutting the intro' });
    const refused = await lock(tablet, 'v1');
    expectProblem(refused, 423, 'LOCK_HELD');
    expect(refused.body).toMatchObject({
      granted: false,
      lock_type: 'client',
      reason: 'Cutting the intro',
      holder: { device_id: laptop.deviceId, name: 'Unnamed device' },
      expires_at: expect.any(Number),
    });
    expect((await documentState(tablet, 'v1')).lock).toMatchObject({ mine: false });
    expect((await documentState(laptop, 'v1')).lock).toMatchObject({ mine: true });
    const taken = await lock(tablet, 'v1', { take_over: true });
    expect(taken.body).toMatchObject({ granted: true, epoch: 1, server_version: 1, needs_download: true });
    const renewed = await lock(tablet, 'v1', { epoch: 1, server_version: 1 });
    expect(renewed.body).toMatchObject({
      needs_download: false,
      fencing_token: taken.body.fencing_token,
      websocket_url: `${app().url.replace('http:', 'ws:')}/videos/v1/sync/layout`,
    });
    expect((await documentState(laptop, 'v1')).lock?.holder).toMatchObject({ name: 'Tablet' });
  });

  test('a write is announced to every device of the account', async () => {
    const laptop = await app().newDevice();
    const tablet = await laptop.pair();
    using socket = await TestSocket.connect(tablet);
    await write(laptop, 'v1', ['red']);
    expect(await socket.next('document_changed')).toEqual({
      video_id: 'v1',
      database: 'layout',
      epoch: 1,
      server_version: 1,
      mark: expect.any(String),
    });
  });

  test('documents are listed by video and kind, some at a time', async () => {
    const laptop = await app().newDevice();
    for (const id of ['c', 'a', 'b']) await write(laptop, id, ['red']);
    await hold(laptop, 'b');
    const page = await laptop.request('GET', '/documents', { query: { limit: 2 } });
    expect(page.body).toMatchObject({
      documents: [
        { video_id: 'a', lock: null },
        { video_id: 'b', lock: { mine: true } },
      ],
      next: 'b/layout',
      kinds: ['captions', 'layout'],
    });
    const rest = await laptop.request('GET', '/documents', { query: { limit: 2, after: page.body.next } });
    expect(rest.body).toMatchObject({ documents: [{ video_id: 'c' }], next: null });
    const stranger = await app().newDevice();
    expect((await stranger.request('GET', '/documents')).body.documents).toEqual([]);
  });

  test.each([
    ['a/b', 404],
    ['..', 404],
    ['%2e%2e%2f%2e%2e', 400],
    ['a%00b', 400],
    ['a%20b', 400],
    ['ä', 400],
    ['x'.repeat(65), 400],
    ["'%3B--", 400],
  ])('a video called %s does not exist', async (id, status) => {
    const laptop = await app().newDevice();
    expect((await laptop.request('GET', `/videos/${id}/database/layout/state`)).status).toBe(status);
  });

  test.each(['none', '__proto__', 'constructor', 'layout.sql', '%2e%2e'])(
    'a kind called %s does not exist',
    async (kind) => {
      const laptop = await app().newDevice();
      const reply = await laptop.request('GET', `/videos/v1/database/${kind}/state`);
      expectProblem(reply, 404, 'NOT_FOUND');
    },
  );

  test('what is no gzipped database of the kind is refused and changes nothing', async () => {
    const laptop = await app().newDevice();
    const holding = await hold(laptop, 'v1');
    const bodies = [randomBytes(5_000), gzipSync(randomBytes(5_000)), Buffer.alloc(0), gzipSync('')];
    for (const body of bodies) {
      expectProblem(await putContent(holding, '0-0', body), 422, 'DOCUMENT_INVALID');
    }
    expectProblem(await putContent(holding, '0-0', packedLayout().subarray(0, 200)), 422, 'DOCUMENT_INVALID');
    const large = gzipSync(Buffer.alloc(9_000_000));
    expect([413, 422]).toContain((await putContent(holding, '0-0', large)).status);
    expectProblem(
      await putContent(holding, '0-0', '{}', { 'content-type': 'application/json' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expect((await documentState(laptop, 'v1')).exists).toBe(false);
    expect((await putContent(holding, '0-0', packedLayout())).status).toBe(200);
  });

  test('the operator’s jobs lock and rewrite documents of any account, and people wait', async () => {
    const laptop = await app().newDevice();
    const headers = { authorization: `Bearer ${OPERATOR_TOKEN}`, 'tidemark-account': laptop.accountId };
    const address = `${laptop.url}/api/v1${pathOf('v1')}`;
    const body = { lock_type: 'server', session_id: 'render-7', reason: 'Rendering' };
    expectProblem(await lock(laptop, 'v1', body), 403, 'OPERATOR_ONLY');
    const granted = await send('POST', `${address}/lock`, { headers, body });
    expect(granted.body).toMatchObject({ granted: true, needs_download: false });
    const refused = await lock(laptop, 'v1', { take_over: true });
    expectProblem(refused, 423, 'LOCK_HELD');
    expect(refused.body).toMatchObject({
      lock_type: 'server',
      reason: 'Rendering',
      holder: { name: 'render-7' },
    });
    const written = await send('PUT', `${address}/content`, {
      headers: { ...headers, 'content-type': 'application/gzip', 'if-match': '"0-0"' },
      query: { session_id: 'render-7', fencing_token: granted.body.fencing_token },
      body: packedLayout(['rendered']),
    });
    expect(written.body).toMatchObject({ epoch: 1, lock: { lock_type: 'server', mine: true } });
    const query = { session_id: 'render-7' };
    expect((await send('DELETE', `${address}/lock`, { headers, query })).status).toBe(204);
    expect((await documentState(laptop, 'v1')).lock).toBeNull();

    const elsewhere = await send('GET', `${laptop.url}/api/v1/sync/meta`, { headers });
    expectProblem(elsewhere, 401, 'TOKEN_INVALID');
    const { authorization } = headers;
    expectProblem(await send('GET', `${address}/state`, { headers: { authorization } }), 400, 'BAD_REQUEST');
    const unknown = { authorization, 'tidemark-account': 'none-such' };
    expectProblem(await send('GET', `${address}/state`, { headers: unknown }), 404, 'NOT_FOUND');
  });

  test('an account has so many documents, of so many bytes together, and no more', async () => {
    await using small = await startApp(database, {
      env: { MAX_DOCUMENTS_PER_ACCOUNT: '2', MAX_DOCUMENT_BYTES_PER_ACCOUNT: '240000' },
    });
    const laptop = await small.newDevice();
    await write(laptop, 'a', ['red']);
    await write(laptop, 'b', ['red']);
    const third = await hold(laptop, 'c');
    expectProblem(await putContent(third, '0-0', packedLayout()), 403, 'QUOTA_EXCEEDED');
    const holding = await hold(laptop, 'b');
    expectProblem(await putContent(holding, '1-1', packedLayout([], 200_000)), 403, 'QUOTA_EXCEEDED');
    expect((await documentState(laptop, 'b')).epoch).toBe(1);
    expect((await putContent(holding, '1-1', packedLayout(['green']))).status).toBe(200);
  });

  test('what was acknowledged is there after a restart', async () => {
    const first = await startApp(database);
    const laptop = await first.newDevice();
    const before = await write(laptop, 'v1', ['red']);
    await first.stop();
    await using second = await startApp(database, { storage: first.storage });
    moveTo(laptop, second.url);
    expect(await documentState(laptop, 'v1')).toEqual({ ...before, lock: null });
    await second.stop();
    await first.close();
  });
});
