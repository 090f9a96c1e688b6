import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { until } from '../../support/exchange.js';
import type { AppPage } from './app-page.js';

/** A file as a person chooses it. */
export interface ChosenFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** The page of documents in one tab, as a person uses it. */
export class DocumentsPage {
  constructor(private readonly app: AppPage) {}

  /** Opens the page, and waits until it shows its list. */
  static async open(app: AppPage): Promise<DocumentsPage> {
    await app.goTo('#/documents');
    await app.find('new-document').first().waitFor();
    return new DocumentsPage(app);
  }

  /** One document's row on the page. @param key `<video>/<kind>` */
  row(key: string): Locator {
    return this.app.find(`document-${key}`);
  }

  /** Waits until a document's row shows a text. */
  async says(key: string, text: RegExp): Promise<void> {
    await until(
      async () => ((await this.row(key).count()) > 0 ? this.row(key).innerText() : ''),
      (shown) => text.test(shown),
    );
  }

  /** Presses a button of a document. */
  async press(key: string, button: string): Promise<void> {
    await this.row(key).getByTestId(button).click();
  }

  /** Makes a document with the form; the form closes when the document exists. */
  async make(videoId: string, kind: string, file: ChosenFile): Promise<void> {
    await this.app.press('new-document');
    await this.app.find('video-id').fill(videoId);
    await this.app.press(`kind-${kind}`);
    await this.choose(file, () => this.app.press('choose-file'));
  }

  /** Replaces a document's content by a file. */
  async upload(key: string, file: ChosenFile): Promise<void> {
    await this.choose(file, () => this.press(key, 'upload'));
  }

  /** Saves a document. @returns the name and the content of the saved file */
  async download(key: string): Promise<{ name: string; content: Buffer }> {
    const [download] = await Promise.all([
      this.app.page.waitForEvent('download'),
      this.press(key, 'download'),
    ]);
    return { name: download.suggestedFilename(), content: readFileSync(await download.path()) };
  }

  private async choose(file: ChosenFile, press: () => Promise<void>): Promise<void> {
    const [chooser] = await Promise.all([this.app.page.waitForEvent('filechooser'), press()]);
    await chooser.setFiles(file);
  }
}
