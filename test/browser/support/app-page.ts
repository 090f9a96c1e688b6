import type { Locator, Page } from 'playwright-core';
import type { SyncState } from '@tidemark/client';
import { until } from '../../support/exchange.js';

/** The settings of a new game. */
export interface NewGame {
  name: string;
  target?: number;
  players: string[];
}

/** Runs in the page. Even a busy page sees changes of a cookie. */
const BUSY_UNTIL_COOKIE = `
  do for (const end = Date.now() + 50; Date.now() < end; );
  while (!document.cookie.includes('go-on'))`;

/** The app in one tab, as a person uses it. */
export class AppPage {
  constructor(readonly page: Page) {}

  /** The visible element with a test id; covered screens do not count. */
  find(testId: string): Locator {
    return this.page.getByTestId(testId).filter({ visible: true });
  }

  /** All elements whose test id has this prefix, in the order on the screen. */
  findAll(testIdPrefix: string): Locator {
    return this.page.locator(`[data-testid^="${testIdPrefix}"]`).filter({ visible: true });
  }

  async press(testId: string): Promise<void> {
    await this.find(testId).first().click();
  }

  async read(testId: string): Promise<string> {
    return (await this.find(testId).first().innerText()).trim();
  }

  /** Goes to a place of the app by its route, such as `#/settings`. */
  async goTo(route: string): Promise<void> {
    // A page that is still starting does not follow its address.
    await this.page.locator('[data-testid]').first().waitFor({ state: 'attached' });
    await this.page.goto(new URL(`/${route}`, this.page.url()).href);
  }

  /** Keeps the page too busy to answer. @returns a function that ends this */
  keepBusy(): () => Promise<void> {
    const busy = this.page.evaluate(BUSY_UNTIL_COOKIE);
    return async () => {
      await this.page.context().addCookies([{ name: 'go-on', value: 'yes', url: this.page.url() }]);
      await busy;
    };
  }

  /** Waits until the light is in one of the given states. */
  async waitForLight(states: SyncState | SyncState[]): Promise<void> {
    const lights = [states].flat().map((state) => `[data-testid="light"][data-state="${state}"]`);
    // Waits in the page: polling the state from here takes more processor time than the app.
    await this.page.locator(lights.join(', ')).filter({ visible: true }).first().waitFor();
  }

  /** The state that the light shows; null while the app has not drawn one. */
  async lightState(): Promise<string | null> {
    const light = this.find('light').first();
    return (await light.count()) === 0 ? null : light.getAttribute('data-state');
  }

  /** Opens the light's details. @returns their text */
  async openLight(): Promise<string> {
    await this.press('light');
    return this.read('sync-details');
  }

  /** Makes a game. @returns its id */
  async startGame({ name, target, players }: NewGame): Promise<string> {
    await this.goTo('#/');
    await this.press('new-game');
    await this.find('game-name').fill(name);
    if (target !== undefined) await this.find('target-score').fill(String(target));
    for (const [seat, player] of players.entries()) {
      const field = this.find(`player-name-${seat}`);
      if ((await field.count()) === 0) await this.press('add-player');
      await field.fill(player);
    }
    await this.press('start-game');
    await this.find('total-0').first().waitFor();
    return this.currentGameId();
  }

  /** Enters one round by the keypad: a score for each player in running order. */
  async addRound(scores: number[]): Promise<void> {
    await this.press('add-round');
    await this.enterScores(scores);
  }

  /** Replaces every player's score, and saves. */
  async enterScores(scores: number[]): Promise<void> {
    for (const [seat, score] of scores.entries()) {
      for (const digit of String(Math.abs(score))) await this.press(`key-${digit}`);
      if (score < 0) await this.press('key-minus');
      if (seat < scores.length - 1) await this.press('key-next');
    }
    await this.press('save-round');
    await this.find('total-0').first().waitFor();
  }

  async openGame(gameId: string): Promise<void> {
    await this.goTo(`#/game/${gameId}`);
    await this.find('total-0').first().waitFor();
  }

  /** Everybody's totals in running order, as the game's page shows them. */
  async totals(): Promise<number[]> {
    const cells = await this.findAll('total-').evaluateAll((found) =>
      found.map((cell) => [cell.getAttribute('data-testid')!, cell.innerText] as const),
    );
    return cells
      .map(([id, text]) => [Number(id.slice('total-'.length)), toNumber(text)] as const)
      .sort(([a], [b]) => a - b)
      .map(([, total]) => total);
  }

  /** Waits until the game's page shows these totals. */
  async waitForTotals(totals: number[]): Promise<void> {
    await until(
      () => this.totals(),
      (shown) => String(shown) === String(totals),
    );
  }

  /** The names in the list of games. */
  async gameNames(): Promise<string[]> {
    if (!this.page.url().endsWith('/#/')) await this.goTo('#/');
    await this.find('new-game').first().waitFor();
    return this.findAll('game-row-').allInnerTexts();
  }

  /** Waits until the list of games names exactly these, in any order. */
  async waitForGames(names: string[]): Promise<void> {
    await until(
      () => this.gameNames(),
      (shown) =>
        shown.length === names.length && names.every((name) => shown.some((row) => row.includes(name))),
    );
  }

  /** Makes a pairing code in the settings. */
  async makePairingCode(): Promise<string> {
    await this.goTo('#/settings');
    await this.press('pair-device');
    const { code } = await until(
      async () => ({
        code: (await this.find('pairing-code').allInnerTexts()).join('').replace(/\W/g, ''),
        // For the error message if no code appears.
        alerts: await this.page.getByRole('alert').allInnerTexts(),
      }),
      (shown) => shown.code.length === 8,
    );
    return code;
  }

  /** Types a pairing code and asks to join; questions about local data come afterwards. */
  async enterPairingCode(code: string): Promise<void> {
    await this.goTo('#/join');
    await this.find('join-code').first().fill(code);
    await this.press('join');
  }

  /** Makes a link to the scoreboard of the game that is open. */
  async shareGame(): Promise<URL> {
    await this.press('game-menu');
    await this.press('share-game');
    await this.find('share-url').first().waitFor();
    const link = new URL(await this.read('share-url'));
    await this.closeDialog();
    return link;
  }

  async closeDialog(): Promise<void> {
    await this.press('close');
  }

  /** Removes the other device of the account in the open list of devices. */
  async revokeOtherDevice(): Promise<void> {
    const rows = await this.findAll('device-row-').all();
    for (const row of rows) {
      const remove = row.getByRole('button', { name: /take off/i });
      if ((await remove.count()) === 0) continue;
      await remove.first().click();
      await this.confirm();
      return;
    }
    throw new Error('No device in the list can be removed.');
  }

  /** Confirms the open question; if there are two, the first. */
  async confirm(): Promise<void> {
    await this.find('confirm').first().waitFor();
    const before = await this.page.locator('body').innerText();
    await this.press('confirm');
    await until(
      () => this.page.locator('body').innerText(),
      (text) => text !== before,
    );
  }

  private async currentGameId(): Promise<string> {
    const id = await until(
      () => /#\/game\/([^/?]+)/.exec(this.page.url())?.[1],
      (found) => found !== undefined,
    );
    return id!;
  }
}

/** Parses a displayed total, which has thin spaces and a real minus sign. */
function toNumber(text: string): number {
  return Number(text.replaceAll('−', '-').replace(/[^\d.-]/g, ''));
}
