import { TestDevice } from '../support/device.js';
import { until } from '../support/exchange.js';
import { captions } from '../support/live-documents.js';
import { shareBrowser } from './support/chromium.js';
import { DocumentTab } from './support/document-tab.js';
import { ModuleServer } from './support/module-server.js';
import { Server } from './support/server.js';

const browser = shareBrowser();
let modules: ModuleServer;
let server: Server;
beforeAll(async () => {
  modules = await ModuleServer.start();
  server = await Server.start({ CORS_ORIGINS: modules.url });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await modules[Symbol.asyncDispose]();
});

const idsBecome = (tab: DocumentTab, ids: string[]) =>
  until(
    () => tab.ids(),
    (found) => String(found) === String(ids),
  );

test('two tabs: one edits, the other sees it and takes over; what is offline survives a reload and arrives', async () => {
  const device = await TestDevice.register(server.url);
  await captions(device, 'v1', { texts: [] });
  const context = await browser().newContext();
  const options = { server: server.url, token: device.accessToken };
  const editor = await DocumentTab.open(context, modules.url, options);
  expect(await editor.status()).toMatchObject({ light: 'grey', pending: 0 });
  await editor.run('doc.hold()');
  await editor.add('a');
  await editor.waitFor('synced');

  const second = await DocumentTab.open(context, modules.url, options);
  await second.run('doc.watch()');
  await idsBecome(second, ['a']);
  await editor.add('b');
  await idsBecome(second, ['a', 'b']);
  await second.waitFor('synced');
  await second.run('doc.hold()');
  await second.add('c');
  await idsBecome(editor, ['a', 'b', 'c']);
  expect(await editor.run('doc.isHolder')).toBe(false);

  await server.kill();
  await second.waitFor('disconnected');
  await editor.waitFor('disconnected');
  await second.add('d');
  expect(await second.status()).toMatchObject({ light: 'grey', pending: 5 });
  await second.reload();
  expect(await second.status()).toMatchObject({ light: 'grey', pending: 5 });
  expect(await second.ids()).toEqual(['a', 'b', 'c', 'd']);

  await server.restart();
  await second.run('doc.hold()');
  await second.waitFor('synced');
  await idsBecome(editor, ['a', 'b', 'c', 'd']);
  await editor.waitFor('synced');
  await context.close();
});
