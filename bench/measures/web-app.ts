import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { AppPage } from '../../test/browser/support/app-page.js';
import { Person } from '../../test/browser/support/person.js';
import { alternate, type Contender } from '../alternate.js';
import type { Lab } from '../lab/lab.js';
import { timedRequest } from '../lab/http.js';
import type { World } from '../lab/world.js';
import { judge, type Measure } from '../results.js';
import { onEachDatabase, type Results } from './each-database.js';
import { figuresOf } from './http-load.js';

const EDITS = 9;
/** People do not enter rounds faster, and the app pushes edits within 1.5 s of each other together. */
const BETWEEN_EDITS_MS = 1_700;
const ROWS = 10_000;
const EDIT_TARGET_MS = 150;
const FIRST_SYNC_TARGET_MS = 500;
const SIZE_TARGET_KIB = 420;
const KIBIBYTE = 1_024;
/** A script that runs in the pages. */
const MOMENTS = readFileSync(join('bench', 'page', 'moments.js'), 'utf8');

const NOTES = [
  `Two profiles of one Chromium (headless) with the app as the server serves it, on one account, both showing the same game. Edit: from the key that saves a round in one of them until the other one's page shows the new total, ${EDITS} times a round, with a pause in between, for edits within 1.5 s of each other are pushed together; both databases (LokiJS on IndexedDB) lie in between. The pages share the machine's clock.`,
  `First sync: a fresh profile joins an account of ${ROWS.toLocaleString('en')} records; from the moment the browser asks for the pull until the list of games is on the page.`,
  'Size: everything that the page asks for until it is ready, gzipped.',
];

type EditSample = { p50Ms: number; maxMs: number };
type FirstSyncSample = { ms: number };

export const webApp: Measure = {
  name: 'web-app',
  title: 'The web app',
  run: async (lab) => {
    const executablePath = await findChromium();
    if (!executablePath) throw new Error('There is no Chromium here; install one or set CHROMIUM_PATH.');
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      return await onEachDatabase(lab, NOTES, (world) => measureOn(lab, world, browser));
    } finally {
      await browser.close();
    }
  },
};

async function findChromium(): Promise<string | null> {
  const script = pathToFileURL(join(process.cwd(), 'scripts', 'chromium.mjs')).href;
  return ((await import(script)) as { findChromium(): string | null }).findChromium();
}

async function measureOn(lab: Lab, world: World, browser: Browser): Promise<Results> {
  const { label } = world;
  const { url } = world.tidemark;
  const account = await world.newAccount(ROWS);
  const sizeKiB = (await sizeOfFirstLoad(browser, url)) / KIBIBYTE;
  const edits = await alternate(lab, {
    edit: await editing(`edit in one browser, ${label}`, browser, url),
  });
  const firstSyncs = await alternate(lab, {
    firstSync: {
      name: `first sync of 10k records, ${label}`,
      run: async () => {
        const { body } = await account.device.request('POST', '/auth/pairing-codes');
        return { ms: await firstSync(browser, url, (body as { code: string }).code) };
      },
    } satisfies Contender<FirstSyncSample>,
  });
  return {
    figures: [
      ...figuresOf(edits, [
        ['p50Ms', 'until the other shows it, p50', 'ms'],
        ['maxMs', 'until the other shows it, greatest', 'ms'],
      ]),
      ...figuresOf(firstSyncs, [['ms', 'until the list shows the games', 'ms']]),
      { contender: 'first load', quantity: 'size, gzipped', values: [sizeKiB], unit: 'KiB' },
    ],
    claims: await judge([
      {
        compares: `${label}: edit in one browser → visible in the other, p50`,
        value: edits.edit.median('p50Ms'),
        unit: 'ms',
        bound: '≤',
        target: EDIT_TARGET_MS,
      },
      {
        compares: `${label}: first sync of 10k records in the browser`,
        value: firstSyncs.firstSync.median('ms'),
        unit: 'ms',
        bound: '≤',
        target: FIRST_SYNC_TARGET_MS,
      },
      {
        compares: `${label}: what the first load of the web app brings`,
        value: sizeKiB,
        unit: 'KiB',
        bound: '≤',
        target: SIZE_TARGET_KIB,
      },
    ]),
  };
}

async function sizeOfFirstLoad(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(request.url()));
  await page.goto(url);
  await new AppPage(page).find('new-game').first().waitFor();
  await context.close();
  let bytes = 0;
  for (const address of asked) {
    if (!address.startsWith(`${url}/`) || address.includes('/api/') || address.includes('/health/')) continue;
    bytes += (await timedRequest(address, { headers: { 'accept-encoding': 'gzip' } })).bytes;
  }
  return bytes;
}

async function editing(name: string, browser: Browser, url: string): Promise<Contender<EditSample>> {
  return {
    name,
    run: async () => {
      await using ada = await Person.open(browser, url);
      await using bob = await Person.open(browser, url);
      for (const { page } of [ada.app, bob.app]) await page.evaluate(MOMENTS);
      const game = await ada.app.startGame({ name: 'Measured', target: 100_000, players: ['Ada', 'Bob'] });
      await bob.app.enterPairingCode(await ada.app.makePairingCode());
      await bob.app.waitForGames(['Measured']);
      await bob.app.openGame(game);
      await ada.app.openGame(game);
      await Promise.all([ada.app.waitForLight('synced'), bob.app.waitForLight('synced')]);
      const durations: number[] = [];
      for (let total = 1; total <= EDITS; total++) {
        await delay(BETWEEN_EDITS_MS);
        const seen = bob.app.page.evaluate<number>(`moments.shown('total-0', '${total}')`);
        const pressed = ada.app.page.evaluate<number>(`moments.pressed('save-round')`);
        await ada.app.addRound([1, 0]);
        durations.push((await seen) - (await pressed));
      }
      durations.sort((a, b) => a - b);
      return { p50Ms: durations[Math.floor(durations.length / 2)]!, maxMs: durations.at(-1)! };
    },
  };
}

async function firstSync(browser: Browser, url: string, code: string): Promise<number> {
  await using ada = await Person.open(browser, url);
  const { app } = ada;
  await app.page.evaluate(MOMENTS);
  await app.waitForLight('synced');
  let askedAt = 0;
  app.page.on('request', (request) => {
    if (request.url().includes('/sync/pull')) askedAt ||= Date.now();
  });
  await app.enterPairingCode(code);
  await app.page.evaluate(`location.hash = '#/'`);
  const shownAt = await app.page.evaluate<number>(`moments.shown('game-row-', '')`);
  return shownAt - askedAt;
}
