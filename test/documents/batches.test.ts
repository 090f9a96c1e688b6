import { randomBytes } from 'node:crypto';
import { DocumentQuota } from '../../src/documents/content/document-quota.js';
import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { newMark, type Version } from '../../src/documents/version.js';
import { Database } from '../../src/foundation/database/database.js';
import { forEachDatabase, startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { documentState, hold, packedLayout, putContent, write } from '../support/documents.js';
import { BatchWriter } from './batch-writer.js';
import { expectProblem } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';

const refOf = ({ accountId }: TestDevice, videoId = 'v1') => ({ accountId, videoId, kind: 'layout' });

forEachDatabase((database) => {
  const app = shareApp(database);
  let ann: TestDevice;
  let first: Version;
  let writer: BatchWriter;
  beforeEach(async () => {
    ann = await app().newDevice();
    const { epoch, server_version: version, mark = null } = await write(ann, 'v1', ['red']);
    first = { epoch, version, mark };
    writer = new BatchWriter(app(), refOf(ann));
  });

  test('a batch makes the next version, and the state tells it', async () => {
    expect(await writer.add(first, Buffer.from('a'), 12_345)).toBe(true);
    const state = await documentState(ann, 'v1');
    expect(state).toMatchObject({ epoch: 1, server_version: 2, mark: writer.mark, size_bytes: 12_345 });
    expect(await writer.batches(1, 1, 2)).toEqual(['2 a']);
  });

  test('of two writers that make the same version one succeeds, and the other changes nothing', async () => {
    const other = new BatchWriter(app(), refOf(ann));
    const outcomes = await Promise.all([
      writer.add(first, Buffer.from('a')),
      other.add(first, Buffer.from('b')),
    ]);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const { mark } = await documentState(ann, 'v1');
    expect(await writer.batches(1, 1, 2)).toEqual([mark === writer.mark ? '2 a' : '2 b']);
  });

  test('a writer that saw a version which the database lost, and gave out again, changes nothing', async () => {
    await writer.add(first, Buffer.from('a'));
    const lost = { epoch: 1, version: 2, mark: newMark() };
    expect(await writer.add(lost, Buffer.from('b'))).toBe(false);
    expect(await documentState(ann, 'v1')).toMatchObject({ server_version: 2, mark: writer.mark });
  });

  test('each version has the mark of its writer', async () => {
    const other = new BatchWriter(app(), refOf(ann));
    let from = first;
    for (const one of [writer, writer, other, writer]) {
      await one.add(from, Buffer.from('a'));
      from = { epoch: 1, version: from.version + 1, mark: one.mark };
    }
    const documents = app().nest.get(DocumentsRepository);
    const marks = [1, 2, 3, 4, 5].map((version) => documents.findMark(refOf(ann), { epoch: 1, version }));
    expect(await Promise.all(marks)).toEqual([first.mark, writer.mark, writer.mark, other.mark, writer.mark]);
    await write(ann, 'v1', ['green']);
    expect(await documents.findMark(refOf(ann), { epoch: 1, version: 3 })).toBeNull();
  });

  test('batches with any bytes, and many of them, come back in order', async () => {
    const bodies = Array.from({ length: 20 }, (_, index) =>
      randomBytes(index === 3 ? 1_048_576 : 10 * index),
    );
    let from = first;
    for (const body of bodies) {
      expect(await writer.add(from, body)).toBe(true);
      from = { epoch: 1, version: from.version + 1, mark: writer.mark };
    }
    const after = database === 'postgres' ? 1 : 20; // SQLite keeps what the working copy may lack
    const journal = app().nest.get(JournalRepository);
    const found: Buffer[] = [];
    for await (const { body } of journal.batches(refOf(ann), 1, after, 21)) found.push(Buffer.from(body));
    expect(found.map((body) => body.length)).toEqual(bodies.slice(after - 1).map((body) => body.length));
    expect(Buffer.concat(found).equals(Buffer.concat(bodies.slice(after - 1)))).toBe(true);
  });

  test('a hole in the journal is an error that names the version', async () => {
    await writer.add(first, Buffer.from('a'));
    await writer.add({ ...first, version: 2, mark: writer.mark }, Buffer.from('b'));
    await writer.add({ ...first, version: 3, mark: writer.mark }, Buffer.from('c'));
    const where = `account_id = '${ann.accountId}' AND version = 3`;
    await app().nest.get(Database).write(`DELETE FROM document_journal WHERE ${where}`);
    await expect(writer.batches(1, 2, 4)).rejects.toThrow(/1-3/);
    await expect(writer.batches(1, 4, 5)).rejects.toThrow(/1-5/);
    await expect(writer.batches(2, 1, 2)).rejects.toThrow(/2-2/);
  });

  test('live changes count in the account’s quota as soon as they are made', async () => {
    await using small = await startApp(database, { env: { MAX_DOCUMENT_BYTES_PER_ACCOUNT: '300000' } });
    const bob = await small.newDevice();
    const { mark = null } = await write(bob, 'v1', ['red']);
    const quota = small.nest.get(DocumentQuota);
    const live = new BatchWriter(small, refOf(bob));
    await live.add({ epoch: 1, version: 1, mark }, Buffer.from('a'), 300_000);
    await quota.checkGrowth(bob.accountId, 0);
    expectProblem(await putContent(await hold(bob, 'v2'), '0-0', packedLayout()), 403, 'QUOTA_EXCEEDED');
    await live.add({ epoch: 1, version: 2, mark: live.mark }, Buffer.from('b'), 300_001);
    await expect(quota.checkGrowth(bob.accountId, 0)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });

  test('a new content takes the batches of the epoch before with it, and is told about by If-Match', async () => {
    await writer.add(first, Buffer.from('a'));
    const holding = await hold(ann, 'v1');
    expect((await putContent(holding, '1-1', packedLayout())).status).toBe(412);
    expect((await putContent(holding, `1-2-${writer.mark}`, packedLayout(['green']))).status).toBe(200);
    await expect(writer.batches(1, 1, 2)).rejects.toThrow(/1-2/);
    expect(await writer.add({ epoch: 1, version: 2, mark: writer.mark }, Buffer.from('b'))).toBe(false);
  });
});
