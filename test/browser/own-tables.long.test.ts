import { Folder, HABITS } from '../own-tables/habits.js';
import { seriousFindings } from './support/accessibility.js';
import { shareBrowser } from './support/chromium.js';
import { layoutFile } from './support/document-files.js';
import { DocumentsPage } from './support/documents-page.js';
import { Person } from './support/person.js';
import { Server } from './support/server.js';

/** What people see in a browser at a server with own tables. */
const browser = shareBrowser();
let folder: Folder;
let server: Server;
beforeAll(async () => {
  folder = new Folder({ 'tables.ts': HABITS });
  server = await Server.start({ TABLES: folder.join('tables.ts') });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe.each(['light', 'dark'] as const)('in %s colors', (colorScheme) => {
  test.each([
    ['wide', 1280],
    ['narrow', 320],
  ])('the page has no obstacle in a %s window, and fits', async (_name, width) => {
    await using ada = await Person.open(browser(), server.url, {
      colorScheme,
      viewport: { width, height: 800 },
    });
    const { page } = ada.app;
    await page.getByRole('heading', { name: 'Tidemark', level: 1 }).waitFor();
    expect(await page.getByRole('table').count()).toBe(3);
    expect(await page.getByRole('row', { name: /cadence choice one of daily, weekly/ }).count()).toBe(1);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await seriousFindings(ada.app)).toEqual([]);
  });
});

test('the keyboard reaches every link, and sees where it is', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { page } = ada.app;
  for (const name of ['Documents', 'API', 'openapi.json', 'Health']) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus-visible');
    expect(await focused.innerText()).toBe(name);
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  }
});

test('documents are looked after at /documents, without the games of the app', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  await app.page.getByRole('link', { name: 'Documents' }).click();
  await app.waitForLight('synced');
  expect(new URL(app.page.url()).pathname).toBe('/documents');
  expect(await app.find('new-game').count()).toBe(0);
  const documents = new DocumentsPage(app);
  await documents.make('intro', 'layout', layoutFile(['red', 'blue']));
  await documents.says('intro/layout', /version 1-1/);
  expect(await seriousFindings(app)).toEqual([]);

  await app.page.reload();
  await documents.says('intro/layout', /version 1-1/);
  await app.press('back');
  await app.page.getByRole('heading', { name: 'Connect an app' }).waitFor();
  expect(new URL(app.page.url()).pathname).toBe('/');
});
