import { unpacked } from '../support/documents.js';
import { shareBrowser } from './support/chromium.js';
import { DemoPage } from './support/demo-page.js';
import { rowsOf } from './support/document-files.js';
import { NO_CONNECTION, Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

test('lock → download → connect → edit → in the copy → in storage', async () => {
  await using ada = await Person.open(browser(), server.url, { path: '/documents/demo?hold' });
  const demo = new DemoPage(ada.app.page);
  await demo.waitToEdit();
  await demo.addCaption('The tide is low.');
  await demo.waitForLight('synced');
  const headers = { authorization: `Bearer ${await demo.token()}` };
  const path = `${server.url}/api/v1/videos/demo/database/captions/download-url`;
  const { url } = (await (await fetch(path, { headers })).json()) as { url: string };
  // fetch unpacks what is sent with Content-Encoding.
  const content = unpacked(new Uint8Array(await (await fetch(url)).arrayBuffer()));
  expect(rowsOf(content, 'cues').map(({ text }) => text)).toEqual(['The tide is low.']);
});

test('two tabs: take over, nothing typed is lost', async () => {
  await using ada = await Person.open(browser(), server.url, { path: '/documents/demo?hold' });
  ada.tolerate(NO_CONNECTION);
  const first = new DemoPage(ada.app.page);
  await first.waitToEdit();
  await first.addCaption('Begun in the first tab');
  const second = await DemoPage.open(ada, '?watch');
  await second.waitForTexts('Begun in the first tab');

  // The second tab takes over while the first one types.
  await first.page.locator('#cues .text').first().focus();
  await first.page.keyboard.press('End');
  const typing = first.page.keyboard.type(' and written on while it is taken away', { delay: 20 });
  await second.edit();
  await typing;
  await second.addCaption('Added in the second tab');
  await second.waitForLight('synced');
  const [typed = ''] = (await first.texts()).filter((text) => text.startsWith('Begun'));

  await first.edit();
  await first.waitForLight('synced');
  expect(await first.pending()).toBe(0);
  for (const tab of [first, second]) await tab.waitForTexts(typed, 'Added in the second tab');
});
