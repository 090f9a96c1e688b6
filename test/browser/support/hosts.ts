import type { Browser } from 'playwright-core';
import { PLAIN_HOST } from './chromium.js';
import { Person } from './person.js';
import { sharedServer } from './server.js';

/** Over plain HTTP, as on a phone in the same house, browsers give pages neither locks nor service workers. */
export const HOSTS = [
  ['localhost', '127.0.0.1'],
  ['a plain HTTP address', PLAIN_HOST],
] as const;

/** Opens the app of the shared server at one of these hosts. */
export function openAt(browser: Browser, host: string): Promise<Person> {
  return Person.open(browser, sharedServer().url.replace('127.0.0.1', host));
}
