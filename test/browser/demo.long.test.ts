import { shareBrowser } from './support/chromium.js';
import { seriousFindings } from './support/accessibility.js';
import { DemoPage } from './support/demo-page.js';
import { until } from '../support/exchange.js';
import { answered, NO_CONNECTION, Person } from './support/person.js';
import { Server, sharedServer } from './support/server.js';

const browser = shareBrowser();
const shared = sharedServer();
const HOLD = { path: '/documents/demo?hold' };

async function openDemo(url: string): Promise<{ ada: Person; demo: DemoPage }> {
  const ada = await Person.open(browser(), url, HOLD);
  ada.tolerate(NO_CONNECTION);
  const demo = new DemoPage(ada.app.page);
  await demo.waitToEdit();
  await demo.waitForLight('synced');
  return { ada, demo };
}

test('remote changes of a client that only looks arrive without a touch', async () => {
  const { ada, demo } = await openDemo(shared.url);
  await using _ = ada;
  const watcher = await DemoPage.open(ada, '?watch');
  await watcher.waitForColor('green');
  await demo.addCaption('Seen by who only looks');
  await watcher.waitForTexts('Seen by who only looks');
  await watcher.waitForLight('synced');
});

test('the light is grey without a server, green with one, grey again when it stops', async () => {
  await using server = await Server.start();
  const { ada, demo } = await openDemo(server.url);
  await using _ = ada;
  await server.kill();
  await demo.waitForColor('grey');
  await server.restart();
  await demo.waitForColor('green');
  await server.kill();
  await demo.waitForColor('grey');
});

describe('changes made offline survive and arrive after reconnecting', () => {
  test('of a server that was killed', async () => {
    await using server = await Server.start();
    const { ada, demo } = await openDemo(server.url);
    await using _ = ada;
    await demo.addCaption('Before the outage');
    await demo.waitForLight('synced');
    await server.kill();
    await demo.waitForColor('grey');
    await demo.addCaption('During the outage');
    expect(await demo.pending()).toBeGreaterThan(0);
    await server.restart();
    await demo.waitForLight('synced');
    const watcher = await DemoPage.open(ada, '?watch');
    await watcher.waitForTexts('Before the outage', 'During the outage');
  });

  test('of a network that was cut', async () => {
    const { ada, demo } = await openDemo(shared.url);
    await using _ = ada;
    await demo.cutNetwork(true);
    await demo.waitForColor('grey');
    await demo.addCaption('Without a network');
    await demo.cutNetwork(false);
    await demo.waitForLight('synced');
    const watcher = await DemoPage.open(ada, '?watch');
    await watcher.waitForTexts('Without a network');
  });
});

test('five offline changes read "5 pending", then none', async () => {
  const { ada, demo } = await openDemo(shared.url);
  await using _ = ada;
  for (const text of ['one', 'two', 'three', 'four', 'five']) await demo.addCaption(text);
  await demo.waitForLight('synced');
  await demo.cutNetwork(true);
  await demo.waitForColor('grey');
  const fields = demo.page.locator('#cues .text');
  for (let place = 0; place < 5; place += 1) await fields.nth(place).fill(`changed ${place}`);
  await demo.waitForPending(5);
  await demo.cutNetwork(false);
  await demo.waitForPending(0);
  await demo.waitForLight('synced');
});

test('5,000 rows show as about 5,000, rising, with bytes and a time left', async () => {
  const { ada, demo } = await openDemo(shared.url);
  await using _ = ada;
  await demo.cutNetwork(true);
  await demo.waitForColor('grey');
  for (let times = 0; times < 5; times += 1) await demo.page.locator('#add-many').click();
  await demo.waitForPending(5_000); // each of the 1,000 captions has five cells
  // What the page has shown, as progress may be over before it is looked at.
  await demo.page.evaluate(`{
    window.seen = [];
    const text = document.getElementById('progress-text');
    new MutationObserver(() => window.seen.push(text.textContent)).observe(text, { childList: true });
  }`);
  await demo.cutNetwork(false);
  await demo.waitForPending(0);
  await demo.waitForLight('synced');
  const seen = await demo.page.evaluate<string[]>('window.seen');
  const rows = seen.map((text) => Number(/([\d,]+) of/.exec(text)?.[1]?.replace(',', '') ?? NaN));
  expect(seen.at(-1)).toContain('of 5,000 changes');
  expect(rows).toEqual([...rows].sort((a, b) => a - b));
  expect(seen.some((text) => /[kM]?B/.test(text))).toBe(true);
  expect(seen.some((text) => /s left/.test(text))).toBe(true);
});

test('reload with pending changes', async () => {
  const { ada, demo } = await openDemo(shared.url);
  await using _ = ada;
  await demo.cutNetwork(true);
  await demo.waitForColor('grey');
  await demo.addCaption('Typed before the reload');
  demo.page.on('dialog', (dialog) => void dialog.accept()); // the browser asks whether to leave
  await demo.page.reload();
  await demo.waitForTexts('Typed before the reload');
  await demo.waitForLight('synced');
  const watcher = await DemoPage.open(ada, '?watch');
  await watcher.waitForTexts('Typed before the reload');
});

test('a silent connection is not green', async () => {
  await using ada = await Person.open(browser(), shared.url);
  ada.tolerate(NO_CONNECTION);
  let isSilent = false;
  await ada.context.routeWebSocket(/socket\.io/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => void (isSilent || server.send(message)));
    server.onMessage((message) => void (isSilent || socket.send(message)));
  });
  const demo = await DemoPage.open(ada, '?hold');
  await demo.waitForColor('green');
  isSilent = true;
  await until(
    () => demo.color(),
    (color) => color !== 'green',
  );
  isSilent = false;
  await demo.waitForColor('green');
});

describe.each(['light', 'dark'] as const)('in %s colors', (colorScheme) => {
  test('nothing on the page is in the way of a screen reader, a keyboard or weak eyes', async () => {
    await using ada = await Person.open(browser(), shared.url, { ...HOLD, colorScheme });
    ada.tolerate(NO_CONNECTION, answered(404));
    const demo = new DemoPage(ada.app.page);
    await demo.waitToEdit();
    await demo.addCaption('Looked at');
    expect(await seriousFindings(demo)).toEqual([]);
    for (const width of [390, 768, 1440]) {
      await demo.page.setViewportSize({ width, height: 900 });
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await demo.page.evaluate(overflow)).toBe(0);
    }
    // By the keyboard alone: move the caption a second later, then remove it.
    await demo.page.locator('.cue').focus();
    await demo.page.keyboard.press('Shift+ArrowRight');
    await until(
      () => demo.page.locator('#cues .time').first().inputValue(),
      (time) => time === '0:01.0',
    );
    await demo.page.keyboard.press('Delete');
    await demo.waitForTexts();
  });
});
