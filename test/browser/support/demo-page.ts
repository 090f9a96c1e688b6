import { until } from '../../support/exchange.js';
import { AppPage } from './app-page.js';
import type { Person } from './person.js';

const PATH = '/documents/demo';
const ACCOUNT = 'tidemark_demo_account';

/** The demo of live documents in one tab, as a person uses it. */
export class DemoPage extends AppPage {
  /** Opens the demo in one more tab. @param query `?hold` to edit, `?watch` to look; else it edits if nobody does */
  static async open(person: Person, query = ''): Promise<DemoPage> {
    const page = await person.context.newPage();
    await page.goto(new URL(`${PATH}${query}`, person.url).href);
    return new DemoPage(page);
  }

  /** The color of the light. */
  color(): Promise<string | null> {
    return this.page.locator('#light').getAttribute('data-light');
  }

  async waitForColor(color: string): Promise<void> {
    await this.page.locator(`#light[data-light="${color}"]`).waitFor();
  }

  /** How many changes are shown as pending. */
  async pending(): Promise<number> {
    const pending = this.page.locator('#pending');
    return (await pending.isVisible()) ? Number(await pending.innerText()) : 0;
  }

  async waitForPending(count: number): Promise<void> {
    await until(
      () => this.pending(),
      (pending) => pending === count,
    );
  }

  /** The captions' texts in the order of the list. */
  texts(): Promise<string[]> {
    return this.page
      .locator('#cues .text')
      .evaluateAll((fields) => fields.map((field) => (field as unknown as { value: string }).value));
  }

  /** Waits until the captions have these texts, in any order. */
  async waitForTexts(...texts: string[]): Promise<void> {
    const expected = [...texts].sort().join('\n');
    await until(
      async () => (await this.texts()).sort().join('\n'),
      (shown) => shown === expected,
    );
  }

  /** Waits until this tab edits. */
  async waitToEdit(): Promise<void> {
    await this.page.locator('#add:enabled').waitFor();
  }

  /** Takes the lock for this tab. */
  async edit(): Promise<void> {
    await this.page.locator('#hold').click();
    await this.waitToEdit();
  }

  /** Adds a caption at the playhead and types its text. */
  async addCaption(text: string): Promise<void> {
    const fields = this.page.locator('#cues .text');
    const count = await fields.count();
    await this.page.locator('#add').click();
    await fields.nth(count).waitFor({ state: 'attached' });
    // The page moves the focus into the new field when it has shown it; what is typed before goes nowhere.
    await this.page.locator('#cues .text:focus').waitFor();
    await this.page.keyboard.type(text);
    // Stored in this tab's copy: a field shows more for an instant.
    await this.page.locator('#cues[aria-busy="false"]').waitFor();
    expect(await this.texts()).toContain(text);
  }

  async cutNetwork(isCut: boolean): Promise<void> {
    await this.page.locator('#cut').setChecked(isCut);
  }

  /** An access token of the demo's account. */
  token(): Promise<string> {
    return this.page.evaluate<string>(`JSON.parse(localStorage.getItem('${ACCOUNT}')).accessToken`);
  }
}
