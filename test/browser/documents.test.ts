import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import { shareAwakeTime } from '../support/awake-time.js';
import { backgroundsIn, packedLayout } from '../support/documents.js';
import { until } from '../support/exchange.js';
import { seriousFindings } from './support/accessibility.js';
import { shareBrowser } from './support/chromium.js';
import { DocumentsPage, type ChosenFile } from './support/documents-page.js';
import { answered, NO_CONNECTION, Person, WITHOUT_SERVICE_WORKER } from './support/person.js';
import { Server } from './support/server.js';

const browser = shareBrowser();
const awake = shareAwakeTime();
const LIVE_MS = 2_000;

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A layout with one scene for each background, as a file that is not gzipped. */
function layoutFile(backgrounds: string[]): ChosenFile {
  return {
    name: 'layout.db',
    mimeType: 'application/vnd.sqlite3',
    buffer: gunzipSync(packedLayout(backgrounds)),
  };
}

/** A sound database that is no document of any kind. */
function strangeFile(): ChosenFile {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec('CREATE TABLE recipes (id INTEGER PRIMARY KEY, name TEXT)');
    return { name: 'recipes.db', mimeType: 'application/vnd.sqlite3', buffer: database.serialize() };
  } finally {
    database.close();
  }
}

/** Waits until a page shows what has just happened on another one. */
async function live(page: DocumentsPage, text: RegExp): Promise<void> {
  const start = awake();
  await page.says('intro/layout', text);
  expect(awake() - start).toBeLessThan(LIVE_MS);
}

/** Two browsers of one account, each with a name of its own. */
async function openTwo(): Promise<{ ada: Person; bob: Person }> {
  const ada = await Person.open(browser(), server.url);
  const bob = await Person.open(browser(), server.url, { viewport: { width: 1440, height: 900 } });
  await ada.app.waitForLight('synced');
  await bob.app.waitForLight('synced');
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  await ada.app.closeDialog();
  await bob.app.waitForLight('synced');
  await nameThisDevice(ada, 1, 'Ada’s laptop');
  await nameThisDevice(bob, 2, 'Bob’s laptop');
  return { ada, bob };
}

async function nameThisDevice({ app }: Person, place: number, name: string): Promise<void> {
  await app.goTo('#/settings');
  await app.press(`rename-device-${place}`);
  await app.find('device-name').fill(name);
  await app.press('save-device-name');
  await app.find(`device-row-${place}`).getByText(name).waitFor();
}

test('a document is made, seen live by the other browser, locked, taken over and downloaded', async () => {
  const { ada, bob } = await openTwo();
  await using _ada = ada;
  await using _bob = bob;
  const adas = await DocumentsPage.open(ada.app);
  const bobs = await DocumentsPage.open(bob.app);

  await adas.make('intro', 'layout', layoutFile(['red', 'blue']));
  await adas.says('intro/layout', /version 1-1[^]*Waiting for upload/);
  await live(bobs, /version 1-1/);

  await adas.press('intro/layout', 'lock');
  await adas.says('intro/layout', /Yours/);
  await live(bobs, /Locked[^]*Ada’s laptop holds it since/);

  await bobs.press('intro/layout', 'take-over');
  await until(
    () => bob.app.page.getByRole('dialog').innerText(),
    (text) => text.includes('Ada’s laptop loses the lock'),
  );
  await bob.app.confirm();
  await bobs.says('intro/layout', /Yours/);
  await live(adas, /Bob’s laptop took the lock over[^]*/);
  await live(adas, /Bob’s laptop holds it since/);

  const { name, content } = await adas.download('intro/layout');
  expect(name).toBe('intro-layout.db');
  expect(backgroundsIn(content)).toEqual(['red', 'blue']);
  // Downloading brought it to storage, which both learn.
  await adas.says('intro/layout', /Uploaded just now/);
  await live(bobs, /Uploaded just now/);
  await bobs.press('intro/layout', 'versions');
  await bobs.says('intro/layout', /1-1[^]*gzipped[^]*sha256/);

  await bobs.upload('intro/layout', { ...layoutFile([]), buffer: packedLayout(['green']) });
  await bobs.says('intro/layout', /version 2-1/);
  await live(adas, /version 2-1/);
  await bob.app.page.reload();
  await bobs.says('intro/layout', /Yours[^]*version 2-1|version 2-1[^]*Yours/);
  await bobs.press('intro/layout', 'release');
  await bobs.says('intro/layout', /Free/);
  await live(adas, /Free/);
  const again = await bobs.download('intro/layout');
  expect(backgroundsIn(again.content)).toEqual(['green']);

  // While Ada chooses a file, Bob replaces what she saw.
  const [chooser] = await Promise.all([
    ada.app.page.waitForEvent('filechooser'),
    adas.press('intro/layout', 'upload'),
  ]);
  await bobs.upload('intro/layout', layoutFile(['yellow']));
  await bobs.says('intro/layout', /version 3-1/);
  await live(adas, /version 3-1/);
  await chooser.setFiles(layoutFile(['pink']));
  await adas.says('intro/layout', /The document has changed[^]*It is at version 3-1[^]*Look again/);
  await adas.press('intro/layout', 'look-again');
  await adas.upload('intro/layout', layoutFile(['pink']));
  await adas.says('intro/layout', /version 4-1[^]*Free|Free[^]*version 4-1/);
  await live(bobs, /version 4-1/);
  await live(bobs, /Free/);
});

test('a file that is none of this kind is refused with what to do, and nothing has changed', async () => {
  await using ada = await Person.open(browser(), server.url);
  ada.tolerate(answered(422));
  await ada.app.waitForLight('synced');
  const page = await DocumentsPage.open(ada.app);
  await page.make('intro', 'layout', strangeFile());
  await until(
    () => ada.app.read('refusal'),
    (text) => /Not a database of this kind[^]*Choose a SQLite database/.test(text),
  );
  await ada.app.closeDialog();
  expect(await page.row('intro/layout').count()).toBe(0);

  await page.make('intro', 'layout', layoutFile(['red']));
  await page.says('intro/layout', /version 1-1/);
  const letter = { name: 'letter.db', mimeType: 'text/plain', buffer: Buffer.from('Dear friend') };
  await page.upload('intro/layout', letter);
  await page.says('intro/layout', /Not a database[^]*neither a SQLite database nor a gzipped one/);
  await page.press('intro/layout', 'dismiss');
  await page.upload('intro/layout', strangeFile());
  await page.says('intro/layout', /Not a database of this kind/);
  await page.says('intro/layout', /version 1-1[^]*Free|Free[^]*version 1-1/);
});

test('without a connection the page keeps its list and says so, until there is one again', async () => {
  await using ada = await Person.open(browser(), server.url, WITHOUT_SERVICE_WORKER);
  ada.tolerate(NO_CONNECTION);
  await ada.app.waitForLight('synced');
  const page = await DocumentsPage.open(ada.app);
  await page.make('intro', 'captions', { ...layoutFile([]), buffer: emptyCaptions() });
  // Free again: what went offline before its release came through would stay locked.
  await page.says('intro/captions', /Free[^]*version 1-1/);
  await ada.context.setOffline(true);
  await until(
    () => ada.app.find('offline').count(),
    (count) => count > 0,
  );
  await page.says('intro/captions', /version 1-1/);
  await page.press('intro/captions', 'lock');
  await page.says('intro/captions', /No connection[^]*Look again/);
  await ada.context.setOffline(false);
  await page.press('intro/captions', 'look-again');
  await until(
    () => ada.app.find('offline').count(),
    (count) => count === 0,
  );
});

test('the plain address /documents leads here, for someone who is new, too', async () => {
  await using ada = await Person.open(browser(), server.url, { path: '/documents' });
  await until(
    () => ada.app.page.locator('body').innerText(),
    (text) => text.includes('No documents yet'),
  );
  expect(ada.app.page.url()).toBe(`${server.url}/#/documents`);
  await ada.app.press('back');
  await ada.app.press('open-documents');
  await ada.app.find('new-document').waitFor();
});

describe.each(['light', 'dark'] as const)('in %s colors', (colorScheme) => {
  test('nothing on the page is in the way of a screen reader, a keyboard or weak eyes', async () => {
    await using ada = await Person.open(browser(), server.url, { colorScheme, reducedMotion: 'reduce' });
    ada.tolerate(answered(422));
    await ada.app.waitForLight('synced');
    const page = await DocumentsPage.open(ada.app);
    const found: Record<string, unknown> = {};
    const look = async (what: string): Promise<void> => {
      const findings = await seriousFindings(ada.app);
      if (findings.length > 0) found[what] = findings;
    };
    await look('no documents');
    await page.make('intro', 'layout', strangeFile());
    await ada.app.find('refusal').waitFor();
    await look('a refused file in the form');
    await ada.app.closeDialog();
    await page.make('intro', 'layout', layoutFile(['red']));
    await page.says('intro/layout', /version 1-1/);
    await page.press('intro/layout', 'versions');
    await look('a free document');
    await page.press('intro/layout', 'lock');
    await page.says('intro/layout', /Yours/);
    await page.upload('intro/layout', strangeFile());
    await page.says('intro/layout', /Not a database of this kind/);
    await look('a document of one’s own, with a refusal');
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 820, height: 1180 },
      { width: 1440, height: 900 },
    ]) {
      await ada.app.page.setViewportSize(viewport);
      expect({ viewport, tooSmall: await tooSmallToTouch(ada) }).toEqual({ viewport, tooSmall: [] });
      const width = await ada.app.page.evaluate('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(viewport.width);
    }
    expect(found).toEqual({});
  });
});

test('the page can be used by keyboard alone', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.waitForLight('synced');
  const page = await DocumentsPage.open(ada.app);
  await page.make('intro', 'layout', layoutFile(['red']));
  await page.says('intro/layout', /version 1-1/);
  await page.row('intro/layout').getByTestId('lock').focus();
  await ada.app.page.keyboard.press('Enter');
  await page.says('intro/layout', /Yours/);
  await ada.app.page.keyboard.press('Tab');
  await ada.app.page.keyboard.press('Shift+Tab');
  await ada.app.page.keyboard.press('Enter');
  await page.says('intro/layout', /Free/);
});

/** Controls with a side under 44 pixels. */
function tooSmallToTouch({ app }: Person): Promise<string[]> {
  return app.page
    .locator('[data-testid="documents"] [role="button"], [role="banner"] [role="button"]')
    .filter({ visible: true })
    .evaluateAll((controls) =>
      controls
        .map((control) => ({ name: control.textContent, box: control.getBoundingClientRect() }))
        .filter(({ box }) => Math.min(box.width, box.height) < 44)
        .map(({ name, box }) => `${name}: ${box.width} × ${box.height}`),
    );
}

function emptyCaptions(): Buffer {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(readFileSync('src/documents/kinds/captions.sql', 'utf8'));
    return database.serialize();
  } finally {
    database.close();
  }
}
