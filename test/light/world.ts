import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../convergence/random.js';
import type { Host, RunningServer } from '../convergence/world.js';
import { TestDevice } from '../support/device.js';
import { copyStorage, type Storage } from '../support/storage.js';
import { Client } from './client.js';
import { Editor } from './edits.js';
import { drawPlan, type Event, type Plan } from './plan.js';
import { Proxy } from './proxy.js';
import { readHistory, recordHistory } from './recorder.js';
import type { History } from './history.js';
import type { Outcome } from './outcome.js';
import { differencesAtTheEnd, judge, judgeAcrossRollBack } from './referee.js';
import { Watch } from './watch.js';

/** What to play. */
export interface RunOptions {
  seed: number;
  hostOf(storage: Storage): Host | Promise<Host>;
  /** Where the host keeps its data. */
  storage: Storage;
  /**
   * Whether the server's data is put back in the midst of the run: to a copy made before, as by a volume's snapshot or a
   * failover that lost commits. Default: no.
   */
  isRolledBack?: boolean;
  /** How long after the last fault a device that is not green and equal counts as stuck. Default: `RECOVERY_MS`. */
  recoveryMs?: number;
}

/** Within this time after the last fault every light must be green and every device equal to the server. */
export const RECOVERY_MS = 10_000;
const POLL_MS = 40;
/** More values than one person writes in a run. */
const NUMBERS_EACH = 1_000_000;
const MAX_CLOCK_ERROR_MS = 3_600_000;

interface Person {
  client: Client;
  proxy: Proxy;
  watch: Watch;
}

/** Plays one seeded run: some devices, their bad networks, one server, and no faults at the end. */
export async function play(options: RunOptions): Promise<Outcome> {
  const random = new Random(options.seed);
  const plan = drawPlan(random);
  const world = new World(options, plan, random);
  try {
    await world.start();
    await world.live();
    return await world.judge();
  } finally {
    await world.close();
  }
}

class World {
  private readonly people: Person[] = [];
  private readonly timeline: Outcome['timeline'] = [];
  private readonly failures: Error[] = [];
  private readonly chores: Promise<void>[] = [];
  private server: RunningServer | null = null;
  private restarting: Promise<void> = Promise.resolve();
  /** Where the server keeps its data now. */
  private storage: Storage;
  private copy: Storage | null = null;
  /** When the data was put back, epoch ms, and what the server had had until then. */
  private rolledBack: { at: number; history: History } | null = null;
  private readonly foundOut = new Set<Person>();
  private accountId = '';
  private isCopied = false;
  private copiedAt = Infinity;
  private isPutBack = false;
  private startedAt = 0;
  private healedAt = 0;
  private timeToEqual: number | null = null;

  constructor(
    private readonly options: RunOptions,
    private readonly plan: Plan,
    private readonly random: Random,
  ) {
    this.storage = options.storage;
  }

  async start(): Promise<void> {
    this.server = await this.startServer();
    await recordHistory(this.options.storage);
    const first = await TestDevice.register(this.server.url, { name: 'device 1' });
    this.accountId = first.accountId;
    this.startedAt = Date.now();
    for (let number = 1; number <= this.plan.clients; number += 1) {
      const name = `device ${number}`;
      const proxy = await Proxy.start(
        () => (this.server ? new URL(this.server.url) : null),
        this.random.fork(),
      );
      const device = number === 1 ? first : await first.pair({ name });
      const editor = new Editor(this.random.fork(), number * NUMBERS_EACH);
      const client = await Client.open(name, proxy.url, device, editor);
      this.people.push({ client, proxy, watch: new Watch(client) });
    }
  }

  /** Plays all events, ends every fault, and waits until all devices have recovered or the time is over. */
  async live(): Promise<void> {
    this.startedAt = Date.now();
    for (const event of this.plan.events) {
      await this.until(event.at);
      this.rollBackInTime(event.at);
      this.happen(event);
    }
    await this.until(this.plan.endsAt);
    this.rollBackInTime(this.plan.endsAt);
    await Promise.all([...this.chores, this.restarting]);
    for (const { client, proxy } of this.people) {
      proxy.heal();
      client.setForeground(true);
      client.setOnline(true);
    }
    this.healedAt = Date.now();
    this.note('every fault has ended');
    const { recoveryMs = RECOVERY_MS } = this.options;
    while (Date.now() < this.healedAt + recoveryMs) {
      await this.decide();
      if (this.people.every(({ client }) => client.status().state === 'synced')) {
        const history = await readHistory(this.storage, this.accountId);
        const isWell = ({ client, watch }: Person): boolean =>
          watch.isGreen && differencesAtTheEnd(history, client.rows()).length === 0;
        if (this.people.every(isWell)) {
          this.timeToEqual = Date.now() - this.healedAt;
          for (const { watch } of this.people) watch.lookNow();
          return;
        }
      }
      await delay(POLL_MS);
    }
  }

  async judge(): Promise<Outcome> {
    for (const { watch } of this.people) {
      watch.look();
      watch.stop();
    }
    const [failure] = this.failures;
    if (failure) throw failure;
    const history = await readHistory(this.storage, this.accountId);
    const timesToGreen = this.people.flatMap(({ watch }) => {
      const at = watch.firstGreenAfter(this.healedAt);
      return at === null ? [] : [at - this.healedAt];
    });
    return {
      seed: this.options.seed,
      plan: this.plan,
      startedAt: this.startedAt,
      wasGreenAmidFaults: this.people.some(({ watch }) =>
        watch.greens.some(({ firstAt }) => firstAt < this.healedAt),
      ),
      greenSamples: sum(this.people.map(({ watch }) => watch.samples)),
      edits: sum(this.people.map(({ client }) => client.editor.edits.length)),
      foundOut: this.foundOut.size,
      falseGreens: this.people.flatMap(({ client: { editor }, watch }) =>
        this.rolledBack
          ? judgeAcrossRollBack(this.rolledBack, history, watch, editor.edits)
          : judge(history, watch, editor.edits),
      ),
      stuck: this.timeToEqual === null ? this.people.flatMap((person) => this.whyStuck(person, history)) : [],
      timesToGreen,
      timeToEqual: this.timeToEqual,
      timeline: this.wholeTimeline(history.stamps),
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.chores, this.restarting]);
    for (const { client, proxy, watch } of this.people) {
      watch.stop();
      await client.close();
      await proxy.close();
    }
    await this.server?.close();
    await this.copy?.dispose();
  }

  /** Copies the data early in a run that is rolled back, and puts it back late, when the devices have pushed more. */
  private rollBackInTime(at: number): void {
    if (!this.options.isRolledBack) return;
    const { endsAt } = this.plan;
    const step = (work: () => Promise<void>): void => {
      this.restarting = this.restarting.then(() => this.restart(work)).catch((error) => this.fail(error));
    };
    if (at > endsAt / 6 && !this.isCopied) {
      this.isCopied = true;
      step(async () => {
        this.copy = await copyStorage(this.storage);
        this.copiedAt = Date.now();
      });
    }
    const isDue = at > (endsAt * 2) / 3 && Date.now() > this.copiedAt + endsAt / 4;
    if ((isDue || at === endsAt) && !this.isPutBack) {
      this.isPutBack = true;
      step(async () => {
        this.rolledBack = { at: Date.now(), history: await readHistory(this.storage, this.accountId) };
        this.storage = this.copy!;
        this.note('the data is put back');
      });
    }
  }

  /** Lets everybody whose device found out that the data was put back upload everything. */
  private async decide(): Promise<void> {
    for (const person of this.people) {
      if (person.client.status().reason?.code !== 'HISTORY_CHANGED') continue;
      this.foundOut.add(person);
      this.note(`${person.client.name}: uploads everything`);
      await person.client.uploadEverything();
    }
  }

  private happen(event: Event): void {
    if ('restart' in event) {
      this.restarting = this.restarting.then(() => this.restart()).catch((error) => this.fail(error));
      return;
    }
    const { client, proxy } = this.people[event.client]!;
    if ('fault' in event) {
      this.note(`${client.name}: ${event.fault.what}`);
      event.fault.strike(proxy);
      return;
    }
    switch (event.habit) {
      case 'edit':
        this.chore(async () => this.note(`${client.name}: ${await client.edit()}`));
        return;
      case 'restart app':
        this.note(`${client.name}: the app starts again`);
        this.chore(() => client.restartApp());
        return;
      case 'clock jumps':
        this.note(`${client.name}: the clock jumps`);
        client.setClock(this.random.integer(-MAX_CLOCK_ERROR_MS, MAX_CLOCK_ERROR_MS));
        return;
      default:
        this.note(`${client.name}: ${event.habit}`);
        if (event.habit === 'background' || event.habit === 'foreground') {
          client.setForeground(event.habit === 'foreground');
        } else client.setOnline(event.habit === 'online');
    }
  }

  /** @param meanwhile runs while no server runs */
  private async restart(meanwhile = async (): Promise<void> => undefined): Promise<void> {
    const { server } = this;
    this.note('the server stops');
    this.server = null;
    await server?.close();
    await meanwhile();
    this.server = await this.startServer();
    this.note('the server is back');
  }

  private async startServer(): Promise<RunningServer> {
    // After a roll-back renewed tokens are another matter; here every token outlives the run.
    const tokenSeconds = this.options.isRolledBack ? null : this.plan.tokenSeconds;
    const env: Record<string, string> =
      tokenSeconds === null ? {} : { ACCESS_TOKEN_TTL_SECONDS: String(tokenSeconds) };
    const host = await this.options.hostOf(this.storage);
    return host.start({ now: Date.now, env });
  }

  private whyStuck({ client, watch }: Person, history: Awaited<ReturnType<typeof readHistory>>): string[] {
    const { state, reason, pending } = client.status();
    const differences = differencesAtTheEnd(history, client.rows());
    if (watch.isGreen && differences.length === 0) return [];
    const why = `${client.name} is ${state} (${reason?.code ?? 'no reason'}, ${pending} pending)`;
    return [`${why}; ${differences.slice(0, 4).join('; ') || 'equal to the server'}`];
  }

  private wholeTimeline(stamps: number[]): Outcome['timeline'] {
    const states = this.people.flatMap(({ client, watch }) =>
      watch.states.map(({ at, state, reason }) => ({
        at,
        line: `    ${client.name} turns ${state}${reason ? ` (${reason})` : ''}`,
      })),
    );
    const pushes = stamps.slice(1).map((at) => ({ at, line: '    a push is stored' }));
    return [...this.timeline, ...states, ...pushes]
      .map(({ at, line }) => ({ at: at - this.startedAt, line }))
      .sort((a, b) => a.at - b.at);
  }

  private chore(work: () => Promise<void>): void {
    this.chores.push(work().catch((error) => this.fail(error)));
  }

  private note(line: string): void {
    this.timeline.push({ at: Date.now(), line });
  }

  private fail(error: unknown): void {
    this.failures.push(error instanceof Error ? error : new Error(String(error)));
  }

  private async until(at: number): Promise<void> {
    const wait = this.startedAt + at - Date.now();
    if (wait > 0) await delay(wait);
  }
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
