import { until } from '../support/exchange.js';
import { seriousFindings } from './support/accessibility.js';
import { shareBrowser } from './support/chromium.js';
import { emptyCaptions, layoutFile, strangeFile } from './support/document-files.js';
import { DocumentsPage } from './support/documents-page.js';
import { AppPage } from './support/app-page.js';
import { HOSTS, openAt } from './support/hosts.js';
import { answered, NO_CONNECTION, Person, WITHOUT_SERVICE_WORKER } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

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
  // Wait for the release: a page that goes offline before it would leave the document locked.
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
  await ada.app.find('video-id').waitFor({ state: 'detached' }); // when the form closes, it moves the focus
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

describe.each(HOSTS)('at %s', (_name, host) => {
  test('a duplicated tab is another session than the tab that lives on, and a reloaded one is the same', async () => {
    await using ada = await openAt(browser(), host);
    await ada.app.waitForLight('synced');
    const first = await DocumentsPage.open(ada.app);
    await first.make('intro', 'layout', layoutFile(['red']));
    await first.press('intro/layout', 'lock');
    await first.says('intro/layout', /Yours/);

    // A page that opens a window gives it a copy of its session storage, as duplicating a tab does.
    const [page] = await Promise.all([
      ada.context.waitForEvent('page'),
      ada.app.page.evaluate('void window.open(window.location.href)'),
    ]);
    const copy = new AppPage(page);
    await copy.find('use-here').first().waitFor();
    // The first tab's lock outlives its hold on the data for a while.
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    await ada.app.page.route(/\/lock/, async (route) => {
      if (route.request().method() === 'DELETE') await held;
      await route.continue();
    });
    await copy.press('use-here');
    const second = await DocumentsPage.open(copy);
    await second.says('intro/layout', /You hold it on another page/);
    goOn();
    await second.says('intro/layout', /Free/); // the first tab has let go
    await second.press('intro/layout', 'lock');
    await second.says('intro/layout', /Yours/);
    await page.reload();
    await second.says('intro/layout', /Yours/);
  });
});
