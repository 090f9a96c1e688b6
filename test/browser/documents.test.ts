import { backgroundsIn, packedLayout } from '../support/documents.js';
import { until } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { layoutFile } from './support/document-files.js';
import { DocumentsPage } from './support/documents-page.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

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
  await bobs.says('intro/layout', /version 1-1/);

  await adas.press('intro/layout', 'lock');
  await adas.says('intro/layout', /Yours/);
  await bobs.says('intro/layout', /Locked[^]*Ada’s laptop holds it since/);

  await bobs.press('intro/layout', 'take-over');
  await until(
    () => bob.app.page.getByRole('dialog').innerText(),
    (text) => text.includes('Ada’s laptop loses the lock'),
  );
  await bob.app.confirm();
  await bobs.says('intro/layout', /Yours/);
  await adas.says('intro/layout', /Bob’s laptop took the lock over[^]*/);
  await adas.says('intro/layout', /Bob’s laptop holds it since/);

  const { name, content } = await adas.download('intro/layout');
  expect(name).toBe('intro-layout.db');
  expect(backgroundsIn(content)).toEqual(['red', 'blue']);
  // The download caused an upload, of which both are notified.
  await adas.says('intro/layout', /Uploaded just now/);
  await bobs.says('intro/layout', /Uploaded just now/);
  await bobs.press('intro/layout', 'versions');
  await bobs.says('intro/layout', /1-1[^]*gzipped[^]*sha256/);

  await bobs.upload('intro/layout', { ...layoutFile([]), buffer: packedLayout(['green']) });
  await bobs.says('intro/layout', /version 2-1/);
  await adas.says('intro/layout', /version 2-1/);
  await bob.app.page.reload();
  await bobs.says('intro/layout', /Yours[^]*version 2-1|version 2-1[^]*Yours/);
  await bobs.press('intro/layout', 'release');
  await bobs.says('intro/layout', /Free/);
  await adas.says('intro/layout', /Free/);
  const again = await bobs.download('intro/layout');
  expect(backgroundsIn(again.content)).toEqual(['green']);

  // While Ada chooses a file, Bob replaces the content that she saw.
  const [chooser] = await Promise.all([
    ada.app.page.waitForEvent('filechooser'),
    adas.press('intro/layout', 'upload'),
  ]);
  await bobs.upload('intro/layout', layoutFile(['yellow']));
  await bobs.says('intro/layout', /version 3-1/);
  await adas.says('intro/layout', /version 3-1/);
  await chooser.setFiles(layoutFile(['pink']));
  await adas.says('intro/layout', /The document has changed[^]*It is at version 3-1[^]*Look again/);
  await adas.press('intro/layout', 'look-again');
  await adas.upload('intro/layout', layoutFile(['pink']));
  await adas.says('intro/layout', /version 4-1[^]*Free|Free[^]*version 4-1/);
  await bobs.says('intro/layout', /version 4-1/);
  await bobs.says('intro/layout', /Free/);
});
