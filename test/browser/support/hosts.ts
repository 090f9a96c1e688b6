import type { Browser } from 'playwright-core';
import { PLAIN_HOST } from './chromium.js';
import { Person } from './person.js';
import { sharedServer } from './server.js';

/** Browsers give pages that come by plain HTTP neither locks nor service workers, as on a phone in the same house. */
export const HOSTS = [
  ['localhost', '127.0.0.1'],
  ['a plain HTTP address', PLAIN_HOST],
] as const;

/** Opens the app of the shared server by one of these hosts. */
export function openAt(browser: Browser, host: string): Promise<Person> {
  return Person.open(browser, sharedServer().url.replace('127.0.0.1', host));
}
