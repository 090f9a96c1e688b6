import { DocumentsRepository } from '../../src/documents/documents.repository.js';
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
import { expectProblem } from '../support/exchange.js';
import { OPERATOR_TOKEN } from '../support/operator.js';
import { shareApp } from '../support/shared-app.js';
import { BatchWriter } from './batch-writer.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test('a lock that creates gives a document its kind’s empty tables, once', async () => {
    const ann = await app().newDevice();
    const first = await lock(ann, 'v1', { create: true });
    expect(first.body).toMatchObject({ granted: true, epoch: 1, server_version: 1, needs_download: true });
    expect(first.headers.get('etag')).toBe(`"1-1-${first.body.mark}"`);
    expect(await download(ann, 'v1')).toEqual([]);
    const again = await lock(ann, 'v1', { create: true });
    expect(again.body).toMatchObject({ epoch: 1, server_version: 1, mark: first.body.mark });
    const ref = { accountId: ann.accountId, videoId: 'v1', kind: 'layout' };
    expect(await app().nest.get(DocumentsRepository).find(ref)).toMatchObject({ hasClocks: 1 });
    const captions = await lock(ann, 'v1', { create: true }, 'captions');
    expect(captions.body).toMatchObject({ epoch: 1, server_version: 1 });
  });

  test('without it, or with a document that exists, nothing is made', async () => {
    const ann = await app().newDevice();
    expect((await lock(ann, 'v1')).body).toMatchObject({
      epoch: 0,
      server_version: 0,
      needs_download: false,
    });
    expect(await documentState(ann, 'v1')).toMatchObject({ exists: false });
    await write(ann, 'v2', ['red']);
    expect((await lock(ann, 'v2', { create: true })).body).toMatchObject({ epoch: 1, server_version: 1 });
    expect(await download(ann, 'v2')).toEqual(['red']);
  });

  test('a session that asks twice at once creates one content', async () => {
    const ann = await app().newDevice();
    const replies = await Promise.all([1, 2, 3].map(() => lock(ann, 'v1', { create: true })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(replies.map(({ body }) => body.mark)).size).toBe(1);
    expect(await documentState(ann, 'v1')).toMatchObject({ epoch: 1, server_version: 1 });
  });

  test('where the lock is not granted nothing is made, and jobs do not create', async () => {
    const ann = await app().newDevice();
    const job = { lock_type: 'server', session_id: 'job', reason: 'import' };
    const headers = { authorization: `Bearer ${OPERATOR_TOKEN}`, 'tidemark-account': ann.accountId };
    const asJob = (body: object) => send('POST', `${ann.url}/api/v1${pathOf('v1')}/lock`, { headers, body });
    expectProblem(await asJob({ ...job, create: true }), 400, 'BAD_REQUEST');
    const granted = await asJob(job);
    expect(granted.body).toMatchObject({ granted: true, websocket_url: null });
    expectProblem(await lock(ann, 'v1', { create: true }), 423, 'LOCK_HELD');
    expect(await documentState(ann, 'v1')).toMatchObject({ exists: false });
  });

  test('the address for live changes is that of the request', async () => {
    const ann = await app().newDevice();
    const url = `${app().url.replace('http:', 'ws:')}/videos/v1/sync/captions`;
    expect((await lock(ann, 'v1', {}, 'captions')).body).toMatchObject({ websocket_url: url });
  });

  test('who has applied a version of the epoch goes on from it; another epoch, or a version that was lost, is downloaded', async () => {
    const ann = await app().newDevice();
    const { mark = null } = await write(ann, 'v1', ['red']);
    const writer = new BatchWriter(app(), { accountId: ann.accountId, videoId: 'v1', kind: 'layout' });
    await writer.add({ epoch: 1, version: 1, mark }, Buffer.from('a'));
    await writer.add({ epoch: 1, version: 2, mark: writer.mark }, Buffer.from('b'));
    const needs = async (known: Record<string, unknown>) =>
      (await lock(ann, 'v1', known)).body.needs_download as boolean;
    expect(await needs({ epoch: 1, server_version: 3, mark: writer.mark })).toBe(false);
    expect(await needs({ epoch: 1, server_version: 2, mark: writer.mark })).toBe(false);
    expect(await needs({ epoch: 1, server_version: 1, mark })).toBe(false);
    expect(await needs({ epoch: 1, server_version: 1 })).toBe(false);
    expect(await needs({ epoch: 1, server_version: 2, mark })).toBe(true);
    expect(await needs({ epoch: 1, server_version: 4 })).toBe(true);
    expect(await needs({ epoch: 1, server_version: 0 })).toBe(true);
    expect(await needs({ epoch: 2, server_version: 1 })).toBe(true);
    expect(await needs({})).toBe(true);
  });

  test('a created document counts in the quotas, and a lock for one that is refused is free again', async () => {
    await using small = await startApp(database, { env: { MAX_DOCUMENTS_PER_ACCOUNT: '1' } });
    const ann = await small.newDevice();
    const bob = await ann.pair();
    const holding = await hold(ann, 'v1', { create: true });
    expect((await putContent(holding, '1-1', packedLayout(['red']))).status).toBe(200);
    await release(holding);
    expectProblem(await lock(ann, 'v2', { create: true }), 403, 'QUOTA_EXCEEDED');
    expect((await documentState(ann, 'v2')).lock).toBeNull();
    expect((await lock(bob, 'v2')).status).toBe(200);
  });
});
