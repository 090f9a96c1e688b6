import type { Browser, BrowserContext, BrowserContextOptions, ConsoleMessage, Page } from 'playwright-core';
import { PATIENCE_MS } from '../../support/exchange.js';
import { AppPage } from './app-page.js';

/** The error that a browser reports when it cannot reach the server. */
export const NO_CONNECTION =
  /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INTERNET_DISCONNECTED|NETWORK_CHANGED|EMPTY_RESPONSE|FAILED)|WebSocket connection to '.*' failed|WebSocket is closed/;

/** The error that a browser reports for an answer with the given status. */
export const answered = (status: number): RegExp =>
  new RegExp(`the server responded with a status of ${status}\\b`);

/** For tests that change requests or kill a tab's process, with which a service worker would interfere. */
export const WITHOUT_SERVICE_WORKER = { serviceWorkers: 'block' } as const;

/** A person with their own browser profile. Any error that their pages report fails the test at its end. */
export class Person implements AsyncDisposable {
  private readonly faults: string[] = [];
  private readonly tolerated: RegExp[] = [];
  private currentApp: AppPage | undefined;
  private isCut = false;

  private constructor(
    readonly context: BrowserContext,
    readonly url: string,
  ) {}

  /** Opens the app at a server's address in a fresh profile, at its list of games or at another `path`. */
  static async open(
    browser: Browser,
    url: string,
    { path, ...options }: BrowserContextOptions & { path?: string } = {},
  ): Promise<Person> {
    const person = await Person.arrive(browser, url, options);
    await person.openTab(path);
    return person;
  }

  /** As `open`, but only the page's own files are loaded until `reconnect`; other requests fail. */
  static async openCut(browser: Browser, url: string): Promise<Person> {
    const person = await Person.arrive(browser, url, WITHOUT_SERVICE_WORKER);
    person.isCut = true;
    await person.context.route(/\/(api|health)\//, (route) =>
      person.isCut ? route.abort('connectionrefused') : route.continue(),
    );
    await person.context.routeWebSocket(/./, (socket) => {
      if (person.isCut) void socket.close();
      else socket.connectToServer();
    });
    await person.openTab();
    return person;
  }

  private static async arrive(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const person = new Person(context, url);
    context.on('page', (page) => person.watch(page));
    return person;
  }

  reconnect(): void {
    this.isCut = false;
  }

  /** The app in the tab that was opened last. */
  get app(): AppPage {
    if (this.currentApp === undefined) throw new Error('No tab is open.');
    return this.currentApp;
  }

  /** Opens one more tab. @param path below the server's address, such as `/#/join/ABCD` */
  async openTab(path = '/'): Promise<AppPage> {
    const page = await this.context.newPage();
    await page.goto(new URL(path, this.url).href);
    this.currentApp = new AppPage(page);
    return this.currentApp;
  }

  /** Kills the current tab's process. */
  async killTab(): Promise<void> {
    const { page } = this.app;
    const crashed = page.waitForEvent('crash');
    const session = await this.context.newCDPSession(page);
    void session.send('Page.crash').catch(() => undefined); // it never answers
    await crashed;
    await page.close();
  }

  /** Waits until the browser has cached the app's files. */
  async pageIsKept(): Promise<void> {
    await this.app.page.waitForFunction('navigator.serviceWorker.ready.then(() => true)');
  }

  /** Ignores errors that the test itself provokes, such as those of a network that it cuts. */
  tolerate(...patterns: RegExp[]): this {
    this.tolerated.push(...patterns);
    return this;
  }

  /** @throws Error listing every error that a page reported and that is not tolerated */
  async close(): Promise<void> {
    await this.context.close();
    const found = this.faults.filter((fault) => !this.tolerated.some((pattern) => pattern.test(fault)));
    if (found.length > 0) throw new Error(`The pages reported errors:\n${[...new Set(found)].join('\n')}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private watch(page: Page): void {
    page.on('pageerror', (error) => this.faults.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error') this.faults.push(`${message.text()} (${message.location().url})`);
    });
  }
}
