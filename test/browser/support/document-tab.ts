import type { BrowserContext, Page } from 'playwright-core';
import type { SyncStatus } from '../../../client/src/light/status.js';
import type { OpenDocument } from '../../../client/src/documents/live/live-document.js';
import { until } from '../../support/exchange.js';

/** A tab in which a document is open, as `window.doc`. */
export class DocumentTab {
  private constructor(
    readonly page: Page,
    private readonly options: object,
  ) {}

  /** @param pageUrl an address of a ModuleServer */
  static async open(
    context: BrowserContext,
    pageUrl: string,
    { token, ...options }: Partial<Omit<OpenDocument, 'token'>> & { server: string; token: string },
  ): Promise<DocumentTab> {
    const page = await context.newPage();
    const tab = new DocumentTab(page, { video: 'v1', database: 'captions', tokenText: token, ...options });
    await page.goto(pageUrl);
    await tab.start();
    return tab;
  }

  /** Loads the page anew, without asking. */
  async reload(): Promise<void> {
    const accept = (dialog: { accept(): Promise<void> }): void => void dialog.accept();
    this.page.on('dialog', accept);
    await this.page.reload();
    await this.start();
  }

  /** Runs an expression in which `doc` is the document. */
  run<T>(expression: string): Promise<T> {
    return this.page.evaluate<T>(expression);
  }

  /** Inserts a cue. */
  async add(id: string): Promise<void> {
    await this.run(`doc.db.tx((tx) => tx.run('INSERT INTO cues (id) VALUES (?)', ['${id}']))`);
  }

  /** The cues' ids. */
  async ids(): Promise<string[]> {
    return this.run("doc.db.all('SELECT id FROM cues ORDER BY id').then((rows) => rows.map(({ id }) => id))");
  }

  status(): Promise<SyncStatus> {
    return this.run('doc.status.get()');
  }

  /** Waits for a state. */
  waitFor(state: SyncStatus['state']): Promise<SyncStatus> {
    return until(
      () => this.status(),
      (status) => status.state === state,
    );
  }

  private async start(): Promise<void> {
    await this.run(`import('/client/src/documents/open-document.js')
      .then(({ openDocument }) => {
        const { tokenText, ...options } = ${JSON.stringify(this.options)};
        return openDocument({ token: async () => tokenText, ...options });
      })
      .then((opened) => void (window.doc = opened))`);
  }
}
