import { fetchTransport, keyOf, versionText, type Transport } from '@tidemark/client';
import { Documents } from '../../src/documents/documents';
import { IDLE } from '../../src/documents/view';
import { eventually, Phone } from '../support/phone';
import { Server } from '../support/server';
import { backgroundsIn, layoutFile, strangeFile } from './layout';

/** Several times as long as the pauses of a busy test machine. */
const LOCK_TTL_SECONDS = 10;
const NONE = { epoch: 0, server_version: 0 };

let server: Server;
beforeAll(async () => {
  server = await Server.start({ LOCK_TTL_SECONDS: String(LOCK_TTL_SECONDS) });
});
afterAll(() => server[Symbol.asyncDispose]());

let pages = 0;

/** The documents page of one device, without its screen. */
class Page implements AsyncDisposable {
  private constructor(
    readonly phone: Phone,
    readonly documents: Documents,
  ) {}

  static async open(phone: Phone, sessionId = `page-${(pages += 1)}`): Promise<Page> {
    await phone.reaches('synced');
    const documents = new Documents(phone.tidemark, sessionId);
    documents.open();
    await eventually(() => documents.view.get().documents !== null);
    return new Page(phone, documents);
  }

  /** The document as the page shows it. */
  find(videoId: string) {
    return this.documents.view.get().documents?.find(({ video_id }) => video_id === videoId);
  }

  activity(videoId: string) {
    return this.documents.view.get().activities[keyOf(ref(videoId))] ?? IDLE;
  }

  /** Waits until the page shows the document in a state that satisfies `holds`. */
  shows(videoId: string, holds: (state: NonNullable<ReturnType<Page['find']>>) => boolean): Promise<void> {
    return eventually(
      () => {
        const state = this.find(videoId);
        return state !== undefined && holds(state);
      },
      () => `It shows ${JSON.stringify(this.find(videoId))}.`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.documents.close();
    await this.phone[Symbol.asyncDispose]();
  }
}

const ref = (videoId: string) => ({ video_id: videoId, database: 'layout' });

async function twoPages(): Promise<{ ada: Page; bob: Page }> {
  const phone = await Phone.open(server.url, { name: 'Ada’s laptop' });
  const ada = await Page.open(phone);
  const bob = await Page.open(await phone.pair({ name: 'Bob’s laptop' }));
  return { ada, bob };
}

test('a document that is made on one page appears on the other', async () => {
  const { ada, bob } = await twoPages();
  await using _ada = ada;
  await using _bob = bob;
  expect(bob.documents.view.get()).toMatchObject({ documents: [], kinds: ['captions', 'layout'] });

  expect(await ada.documents.upload(ref('v1'), layoutFile(['red', 'blue']), NONE)).toBe(true);
  await bob.shows('v1', ({ epoch, server_version }) => epoch === 1 && server_version === 1);
  // The lock taken for the import is released after it.
  await bob.shows('v1', ({ lock }) => lock === null);

  const url = await bob.documents.downloadUrl(ref('v1'));
  const bytes = new Uint8Array(await (await fetch(url!)).arrayBuffer());
  expect(backgroundsIn(bytes)).toEqual(['red', 'blue']);
  await ada.shows('v1', ({ stored_version: stored }) => stored !== null && versionText(stored) === '1-1');
  expect(await ada.documents.versions(ref('v1'))).toMatchObject([{ epoch: 1, server_version: 1 }]);
});

test('a lock is renewed while the page holds it, and free once the page is closed', async () => {
  const { ada, bob } = await twoPages();
  await using _bob = bob;
  await using _ada = ada;
  await ada.documents.upload(ref('v1'), layoutFile(['red']), NONE);
  await ada.documents.lock(ref('v1'));
  await bob.shows('v1', ({ lock }) => lock?.holder.name === 'Ada’s laptop' && !lock.mine);
  const { acquired_at, expires_at } = bob.find('v1')!.lock!;
  // An expiry this late is possible only if the lock was renewed.
  await bob.shows(
    'v1',
    ({ lock }) => lock !== null && lock.expires_at > expires_at + LOCK_TTL_SECONDS * 1_000,
  );
  expect(bob.find('v1')!.lock).toMatchObject({ acquired_at });

  ada.documents.close();
  await bob.shows('v1', ({ lock }) => lock === null);
});

test('who takes a lock over has it, and who had it is told', async () => {
  const { ada, bob } = await twoPages();
  await using _ada = ada;
  await using _bob = bob;
  await ada.documents.upload(ref('v1'), layoutFile(['red']), NONE);
  await ada.documents.lock(ref('v1'));
  await bob.shows('v1', ({ lock }) => lock !== null);

  await bob.documents.lock(ref('v1'));
  expect(bob.activity('v1').refusal).toMatchObject({ code: 'LOCK_HELD', title: expect.any(String) });

  await bob.documents.lock(ref('v1'), true);
  expect(bob.find('v1')!.lock).toMatchObject({ mine: true });
  await eventually(() => ada.activity('v1').lost?.to === 'Bob’s laptop');
  await ada.shows('v1', ({ lock }) => lock?.holder.name === 'Bob’s laptop');
});

test('an upload over a version that nobody has any more is refused, until the person looked again', async () => {
  const { ada, bob } = await twoPages();
  await using _ada = ada;
  await using _bob = bob;
  await ada.documents.upload(ref('v1'), layoutFile(['red']), NONE);
  expect(await bob.documents.upload(ref('v1'), layoutFile(['green']), NONE)).toBe(false);
  expect(bob.activity('v1').refusal).toMatchObject({ code: 'VERSION_MISMATCH' });

  await bob.documents.lookAgain(ref('v1'));
  expect(bob.activity('v1').refusal).toBeNull();
  expect(await bob.documents.upload(ref('v1'), layoutFile(['green']), bob.find('v1')!)).toBe(true);
  await ada.shows('v1', ({ epoch }) => epoch === 2);
});

test('a file that is no database, or none of this kind, is refused and leaves no lock behind', async () => {
  const { ada, bob } = await twoPages();
  await using _ada = ada;
  await using _bob = bob;
  expect(await ada.documents.upload(ref('v1'), new Blob(['a letter to a friend']), NONE)).toBe(false);
  expect(ada.activity('v1').refusal).toMatchObject({ code: 'DOCUMENT_INVALID', title: 'Not a database' });
  expect(await ada.documents.upload(ref('v1'), strangeFile(), NONE)).toBe(false);
  expect(ada.activity('v1').refusal).toMatchObject({ code: 'DOCUMENT_INVALID', status: 422 });
  await ada.documents.load();
  expect(ada.find('v1')).toBeUndefined();
  expect(await bob.documents.upload(ref('v1'), layoutFile(['red']), NONE)).toBe(true);
});

test('an upload that is called off changes nothing and complains of nothing', async () => {
  const phone = await Phone.open(server.url);
  await using page = await Page.open(phone);
  const ending = page.documents.upload(ref('v1'), layoutFile(['red']), NONE);
  page.documents.cancelUpload(ref('v1'));
  expect(await ending).toBe(false);
  expect(page.activity('v1')).toEqual(IDLE);
  await page.documents.load();
  expect(page.find('v1')).toBeUndefined();
});

test('after a reload the page goes on holding its lock', async () => {
  const { ada, bob } = await twoPages();
  await using _ada = ada;
  await using _bob = bob;
  await ada.documents.upload(ref('v1'), layoutFile(['red']), NONE);
  // Like a tab that closed without releasing its lock.
  const { api } = ada.phone.tidemark;
  await api.request('POST', '/videos/v1/database/layout/lock', {
    body: { lock_type: 'client', session_id: 'reloaded' },
  });
  const again = new Documents(ada.phone.tidemark, 'reloaded');
  again.open();
  const { expires_at } = bob.find('v1')!.lock ?? { expires_at: Date.now() };
  await bob.shows(
    'v1',
    ({ lock }) => lock !== null && lock.expires_at > expires_at + LOCK_TTL_SECONDS * 1_000,
  );
  again.close();
  await bob.shows('v1', ({ lock }) => lock === null);
});

test('what happened while there was no connection is read when there is one again', async () => {
  await using own = await Server.start();
  let isCut = false;
  const transport: Transport = (request) =>
    isCut ? Promise.reject(new Error('cut')) : fetchTransport(request);
  await using ada = await Page.open(await Phone.open(own.url, { transport }));
  await using bob = await Page.open(await ada.phone.pair());
  await ada.documents.upload(ref('v1'), layoutFile(['red']), NONE);

  isCut = true;
  ada.phone.tidemark.setOnline(false);
  await ada.documents.load();
  expect(ada.documents.view.get().failure?.isNoAnswer).toBe(true);
  expect(ada.find('v1')).toMatchObject({ epoch: 1 });
  await bob.documents.upload(ref('v2'), layoutFile(['green']), NONE);

  isCut = false;
  ada.phone.tidemark.setOnline(true);
  await ada.shows('v2', ({ epoch }) => epoch === 1);
  expect(ada.documents.view.get().failure).toBeNull();
});

test('a release that was not answered may still arrive after another one was refused', async () => {
  await using own = await Server.start();
  const delayed: (() => Promise<unknown>)[] = [];
  // What becomes of the next releases.
  const fates: ('lost' | 'refused')[] = [];
  const transport: Transport = (request) => {
    const fate = request.method === 'DELETE' ? fates.shift() : undefined;
    if (fate === 'refused') return Promise.resolve({ status: 429, body: '{}', header: () => null });
    if (fate === undefined) return fetchTransport(request);
    delayed.push(() => fetchTransport({ ...request, signal: new AbortController().signal }));
    return Promise.reject(new Error('no answer'));
  };
  await using ada = await Page.open(await Phone.open(own.url, { transport }));
  await ada.documents.lock(ref('v1'));
  fates.push('lost', 'refused');
  await ada.documents.release(ref('v1'));
  await ada.documents.lock(ref('v1'));
  expect(fates).toEqual([]);

  await ada.documents.lock(ref('v1'));
  for (const arrive of delayed) await arrive();
  await ada.documents.lookAgain(ref('v1'));
  expect(ada.find('v1')!.lock).toMatchObject({ mine: true });
  await ada.documents.release(ref('v1'));
});

test('a release that arrives after the page has the lock again does not end that', async () => {
  await using own = await Server.start();
  const delayed: (() => Promise<unknown>)[] = [];
  let isSlow = false;
  const transport: Transport = (request) => {
    if (!isSlow || request.method !== 'DELETE') return fetchTransport(request);
    isSlow = false;
    delayed.push(() => fetchTransport({ ...request, signal: new AbortController().signal }));
    return Promise.reject(new Error('no answer'));
  };
  await using ada = await Page.open(await Phone.open(own.url, { transport }));
  await ada.documents.lock(ref('v1'));
  isSlow = true;
  await ada.documents.release(ref('v1'));
  expect(ada.activity('v1').refusal).toMatchObject({ code: 'NO_ANSWER' });

  await ada.documents.lock(ref('v1'));
  expect(ada.find('v1')!.lock).toMatchObject({ mine: true });
  for (const arrive of delayed) await arrive();
  await ada.documents.lookAgain(ref('v1'));
  expect(ada.find('v1')!.lock).toMatchObject({ mine: true });

  await ada.documents.release(ref('v1'));
  expect(ada.find('v1')?.lock ?? null).toBeNull();
});
