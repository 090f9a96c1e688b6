import fc from 'fast-check';
import { decodeChanges } from '../../src/protocol/changes-codec.js';
import type { CopyHost } from '../../client/src/documents/copy/copy-host.js';
import { cutBodies } from '../../client/src/documents/copy/cut-bodies.js';
import { slotOrder } from '../../client/src/documents/copy/slots.js';
import { downloadedCopy, FileServer, mergingDocument, write } from './support/merging-document.js';

const ROWS = "INSERT INTO cues (id, text) VALUES ('a', 'first'), ('b', 'second')";

let files: FileServer;
let document: Buffer;
let url: string;
beforeAll(async () => {
  files = await FileServer.start();
  document = await mergingDocument('captions', [ROWS]);
  url = files.add(document);
});
afterAll(() => files[Symbol.asyncDispose]());

const cues = (host: CopyHost) => host.all('SELECT id, text, start_ms FROM cues ORDER BY id', []);

/** Sends what is pending of one copy to another, as the server would; the server's versions go on from `version`. */
async function send(from: CopyHost, to: CopyHost[], version: number): Promise<number> {
  let current = version;
  for (let batches = await from.ownBatches(); batches.length > 0; batches = await from.ownBatches()) {
    for (const { body, upTo } of batches) {
      current += 1;
      const mark = `m${current}`;
      for (const host of to) await host.apply({ to: current, mark, body });
      await from.acknowledge({ upTo, previous: current - 1, version: current, mark });
    }
  }
  return current;
}

test('a download gets an identity of its own, and keeps the server’s', async () => {
  const [one, other] = [await downloadedCopy(url), await downloadedCopy(url)];
  const [a, b] = [await one.state(), await other.state()];
  expect(a.serverSiteId).toBe(b.serverSiteId);
  expect(new Set([a.siteId, b.siteId, a.serverSiteId]).size).toBe(3);
  expect(a).toMatchObject({
    epoch: 1,
    schemaVersion: 1,
    since: { version: 1, mark: 'm1' },
    answered: null,
    pending: 0,
  });
  expect(await cues(one)).toEqual([
    { id: 'a', text: 'first', start_ms: 0 },
    { id: 'b', text: 'second', start_ms: 0 },
  ]);
});

test.each(['plain', 'gzip', 'packed'] as const)('a download that is sent %s arrives', async (way) => {
  expect(await cues(await downloadedCopy(files.add(document, way)))).toHaveLength(2);
});

test('a download that ends early, or is something else, leaves the copy as it was', async () => {
  const host = await downloadedCopy(url);
  const half = files.add(document.subarray(0, document.length / 2), 'plain');
  const text = files.add(Buffer.from('<html>'.repeat(100)));
  for (const broken of [half, text, `${url}x`]) {
    const download = { url: broken, epoch: 2, version: 1, mark: null, pending: 'drop' } as const;
    await expect(host.download(download)).rejects.toThrow();
  }
  expect(await cues(host)).toHaveLength(2);
  expect((await host.state()).epoch).toBe(1);
});

test('changes travel cell by cell, and both copies end equal', async () => {
  const [one, other] = [await downloadedCopy(url), await downloadedCopy(url)];
  await write(one, ["UPDATE cues SET text = 'ours' WHERE id = 'a'"], ["INSERT INTO cues (id) VALUES ('c')"]);
  await write(other, ["UPDATE cues SET start_ms = 7 WHERE id = 'a'"], ["DELETE FROM cues WHERE id = 'b'"]);
  const version = await send(one, [other], 1);
  await send(other, [one], version);
  expect(await cues(one)).toEqual([
    { id: 'a', text: 'ours', start_ms: 7 },
    { id: 'c', text: '', start_ms: 0 },
  ]);
  expect(await cues(other)).toEqual(await cues(one));
  expect(await one.state()).toMatchObject({
    pending: 0,
    since: { version: 3 },
    answered: { version: 2, mark: 'm2' },
  });
});

test('pending counts cells and falls by acknowledgements alone', async () => {
  const host = await downloadedCopy(url);
  await write(host, ["UPDATE cues SET text = '1', start_ms = 1 WHERE id = 'a'"]);
  await write(host, ["UPDATE cues SET text = '2' WHERE id = 'b'"]);
  expect((await host.state()).pending).toBe(3);
  const [batch] = await host.ownBatches();
  await write(host, ["UPDATE cues SET text = '3' WHERE id = 'a'"]); // after the batch was read
  expect(batch).toMatchObject({ rows: 3 });
  await host.acknowledge({ upTo: batch!.upTo, previous: 1, version: 2, mark: null });
  expect((await host.state()).pending).toBe(1);
});

test('values arrive exactly', async () => {
  const values = ['a\0b', '', 'ä𝄞\u{FEFF}', '\u{FEFF}x'];
  const integers = [2n ** 63n - 1n, -(2n ** 63n), 2 ** 53 - 1, 4294967296, -1];
  const [one, other] = [await downloadedCopy(url), await downloadedCopy(url)];
  for (const [i, value] of values.entries()) {
    await write(one, ['INSERT INTO cues (id, text, start_ms) VALUES (?, ?, ?)', `t${i}`, value, integers[i]]);
  }
  await send(one, [other], 1);
  const sql = "SELECT text, start_ms FROM cues WHERE id LIKE 't%' ORDER BY id";
  const expected = values.map((text, i) => ({ text, start_ms: integers[i] }));
  expect(await one.all(sql, [])).toEqual(expected);
  expect(await other.all(sql, [])).toEqual(expected);
  expect(await one.all('SELECT typeof(?) AS a, typeof(?) AS b, ? AS c', [1, 1.5, new Uint8Array(0)])).toEqual(
    [{ a: 'integer', b: 'real', c: new Uint8Array(0) }],
  );
});

test('an endless number is refused when it is written', async () => {
  const host = await downloadedCopy(files.add(await mergingDocument('layout')));
  await write(host, ['INSERT INTO scenes (id, position) VALUES (?, ?)', 'a', -1e308]);
  for (const endless of ['9e999', '-9e999']) {
    await host.begin();
    await host.all(`UPDATE scenes SET position = ${endless}`, []);
    await expect(host.commit()).rejects.toMatchObject({ code: 'VALUE_NOT_FINITE' });
    await host.rollback();
  }
  expect(await host.all('SELECT position FROM scenes', [])).toEqual([{ position: -1e308 }]);
});

test('a value that is too large is refused when it is written', async () => {
  const host = await downloadedCopy(url);
  for (const [sql, code] of [
    ["UPDATE cues SET text = printf('%.*c', 1000001, 'x')", 'VALUE_TOO_LARGE'],
    [
      "INSERT INTO cues (id, text) VALUES (printf('%.*c', 600000, 'x'), printf('%.*c', 600000, 'x'))",
      'VALUE_TOO_LARGE',
    ],
  ]) {
    await host.begin();
    await host.all(sql!, []);
    await expect(host.commit()).rejects.toMatchObject({ code });
    await host.rollback();
  }
  await write(host, ["UPDATE cues SET text = printf('%.*c', 999000, 'x') WHERE id = 'a'"]);
  expect((await host.state()).pending).toBe(1);
  expect((await host.ownBatches())[0]!.body.length).toBeLessThan(1_048_576);
});

test('outside a transaction nothing is written, and transactions are not made by hand', async () => {
  const host = await downloadedCopy(url);
  await expect(host.all('DELETE FROM cues', [])).rejects.toThrow(/readonly|query_only|attempt to write/);
  await expect(host.all('BEGIN', [])).rejects.toMatchObject({ code: 'TRANSACTION_BY_HAND' });
  await host.begin();
  await host.all('DELETE FROM cues', []);
  await expect(host.all('SELECT 1; SELECT 2', [])).rejects.toThrow(/one statement/);
  await host.rollback();
  expect(await cues(host)).toHaveLength(2);
  await expect(host.all('DELETE FROM cues', [])).rejects.toThrow();
});

test('a transaction larger than a body is cut into several, acknowledged when the last is answered', async () => {
  const [one, other] = [await downloadedCopy(url), await downloadedCopy(url)];
  await write(one, ["UPDATE cues SET text = 'before' WHERE id = 'a'"]);
  const many = `INSERT INTO cues (id, text) SELECT 'n' || value, 'x' FROM
    (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n LIMIT 1500) SELECT value FROM n)`;
  await write(one, [many]);
  const pending = (await one.state()).pending;
  expect(pending).toBe(1500 * 5 + 1);
  let left = pending;
  let version = 1;
  for (let batches = await one.ownBatches(); batches.length > 0; batches = await one.ownBatches()) {
    for (const { body, rows, upTo } of batches) {
      expect(decodeChanges(body).rows).toHaveLength(rows);
      expect(rows).toBeLessThanOrEqual(4_000);
      expect(body.length).toBeLessThanOrEqual(1_048_576);
      version += 1;
      await other.apply({ to: version, mark: null, body });
      const state = await one.acknowledge({ upTo, previous: version - 1, version, mark: null });
      left -= rows;
      if (upTo !== null) expect(state.pending).toBe(left);
    }
  }
  expect(left).toBe(0);
  expect(await other.all('SELECT count(*) AS n FROM cues', [])).toEqual([{ n: 1_502 }]);
});

test.each([
  ['same epoch', 1],
  ['another epoch', 2],
])('a download of the %s takes pending changes over', async (_, epoch) => {
  const host = await downloadedCopy(url);
  await write(host, ["UPDATE cues SET text = 'mine' WHERE id = 'a'"], ["DELETE FROM cues WHERE id = 'b'"]);
  await write(host, ["INSERT INTO cues (id, text) VALUES ('new', 'mine, too')"]);
  const before = await host.state();
  const state = await host.download({ url, epoch, version: 1, mark: null, pending: 'replay' });
  expect(state.siteId).not.toBe(before.siteId);
  expect(state.pending).toBe(before.pending);
  expect(state.epoch).toBe(epoch);
  expect(await cues(host)).toEqual([
    { id: 'a', text: 'mine', start_ms: 0 },
    { id: 'new', text: 'mine, too', start_ms: 0 },
  ]);
  const other = await downloadedCopy(url, epoch);
  await send(host, [other], 1);
  expect(await cues(other)).toEqual(await cues(host));
});

test('a body that cannot be applied changes nothing, and later writes are tracked', async () => {
  const [one, other] = [await downloadedCopy(url), await downloadedCopy(url)];
  await write(one, ["UPDATE cues SET text = 'mine' WHERE id = 'a'"]);
  const [batch] = await one.ownBatches();
  const broken = batch!.body.slice();
  broken.set(new TextEncoder().encode('xues'), Buffer.from(broken).indexOf('cues'));
  await expect(other.apply({ to: 2, mark: null, body: broken })).rejects.toThrow();
  await expect(other.apply({ to: 2, mark: null, body: batch!.body.subarray(0, 30) })).rejects.toThrow();
  expect((await other.state()).since.version).toBe(1);
  await write(other, ["UPDATE cues SET text = 'theirs' WHERE id = 'b'"]);
  expect((await other.state()).pending).toBe(1);
});

test('a version stays whole in a body where it fits', () => {
  const sizes = fc.array(
    fc.record({ count: fc.integer({ min: 1, max: 25 }), size: fc.integer({ min: 1, max: 40 }) }),
  );
  fc.assert(
    fc.property(sizes, (versions) => {
      const rows = versions.flatMap(({ count, size }, i) =>
        Array.from({ length: count }, () => ({ version: i + 1, size })),
      );
      const bodies = cutBodies(rows, { rows: 10, bytes: 100 }, (row) => row.size);
      expect(bodies.flatMap((body) => body.rows)).toEqual(rows);
      for (const [i, body] of bodies.entries()) {
        expect(body.rows.length).toBeLessThanOrEqual(10);
        const last = body.rows.at(-1)!.version;
        const goesOn = bodies[i + 1]?.rows[0]!.version === last;
        expect(body.upTo).toBe(goesOn ? null : last);
        const { count, size } = versions[last - 1]!;
        if (goesOn) expect(count > 10 || count * size > 100).toBe(true);
      }
    }),
  );
});

test('a slot with pending changes is tried first, then one with a copy', () => {
  const slot = (number: number, file: string | null, isPending: boolean) => ({
    slot: `doc#${number}`,
    document: 'doc',
    number,
    file,
    isPending,
  });
  const known = [
    slot(1, '/a.db', false),
    slot(5, '/b.db', true),
    { ...slot(0, '/c.db', true), slot: 'other#0' },
  ];
  expect(slotOrder('doc', known).map(({ number }) => number)).toEqual([5, 1, 0, 2, 3, 4, 6, 7]);
});
