import { chromium, type Browser } from 'playwright-core';

/** A name for this machine that browsers do not consider secure over plain HTTP. */
export const PLAIN_HOST = 'tidemark.test';

const FLAGS = [
  `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** One Chromium for all tests of a file. `npm test` sets its path (CHROMIUM_PATH); HEADED=1 shows its window. */
export function shareBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const { CHROMIUM_PATH: executablePath, HEADED } = process.env;
    if (!executablePath)
      throw new Error('Set CHROMIUM_PATH, or run `npm test -- test/browser`, which finds one.');
    browser = await chromium.launch({ executablePath, args: FLAGS, headless: !HEADED });
  });
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) throw new Error('The browser is there only while tests run.');
    return browser;
  };
}
