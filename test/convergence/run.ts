import { mend, move, type Table } from './moves.js';
import { Random } from './random.js';
import { difference, type Snapshot } from './replica.js';
import { strangePush } from './stranger.js';
import { totalsOf } from './totals.js';
import { World, type Host, type Person } from './world.js';

export interface RunOptions {
  seed: number;
  host: Host;
  /** How many events happen before all phones are online again. */
  steps: number;
  /** Called with every line of the journal. */
  listen?: (line: string) => void;
}

export interface RunSummary {
  phones: number;
  pulls: number;
  accepted: number;
  refused: number;
  replacements: number;
  rejectedRows: number;
  refusedRows: number;
  cascadedRows: number;
  purgedRows: number;
  restarts: number;
  rows: number;
}

const NAMES = ['kitchen', 'basement', 'tablet', 'balcony', 'train'];
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** The events of a step, with their weights. */
const EVENTS = {
  use: 45,
  sync: 38,
  strange: 6,
  basement: 4,
  clock: 5,
  late: 4,
  app: 1,
  purge: 3,
  restart: 1,
};
/** After so many rounds, in which every phone syncs once, all must agree. */
const SETTLING_ROUNDS = 8;
const JOURNAL_LINES = 60;

/**
 * Plays one seeded run: 3–5 phones, every fault that can happen between them and the server, then none. Same seed, same
 * run. @throws Error with the seed, the step and the last lines of the journal
 */
export async function runConvergence({ seed, host, steps, listen }: RunOptions): Promise<RunSummary> {
  const random = new Random(seed);
  const run = new Run(await World.start(host, { retentionDays: random.pick([0, 1, 3]), listen }), random);
  let summary: RunSummary;
  try {
    summary = await run.play(steps);
  } catch (cause) {
    await run.world.close().catch(() => undefined); // report the first failure only
    const journal = run.world.journal.slice(-JOURNAL_LINES).join('\n');
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Convergence broke with seed ${seed} at step ${run.step} of ${steps}: ${reason}\n${journal}`,
      { cause },
    );
  }
  await run.world.close();
  return summary;
}

class Run {
  step = 0;
  readonly #orphanOwners: string[] = [];
  readonly #table: Table;

  constructor(
    readonly world: World,
    private readonly random: Random,
  ) {
    this.#table = { now: world.now, deletedGames: () => world.referee.ledger.deleted('games') };
  }

  async play(steps: number): Promise<RunSummary> {
    const { world, random } = this;
    const phones = random.integer(3, 5);
    await world.join(NAMES[0] as string);
    await world.join(NAMES[1] as string);
    for (this.step = 1; this.step <= steps; this.step += 1) {
      const mayJoin = world.people.length < phones && (random.chance(0.1) || this.step > steps * 0.8);
      if (mayJoin) {
        const { name } = await world.join(NAMES[world.people.length] as string);
        this.#say(`${name} joins`);
      } else {
        await this.#happen();
      }
      for (const person of world.people) this.#countDown(person);
    }
    await this.#settle();
    await this.#judge();
    const { counts } = world.referee;
    const rows = Object.values(world.expectedRows()).reduce((sum, table) => sum + table.length, 0);
    return { phones: world.people.length, ...counts, restarts: world.restarts, rows };
  }

  async #happen(): Promise<void> {
    const { world, random } = this;
    const person = random.pick(world.people);
    // Time passes between any two events, sometimes 0 ms.
    world.setTime(world.now() + (random.chance(0.2) ? 0 : random.integer(1, 3 * MINUTE)));
    switch (random.weighted(EVENTS)) {
      case 'use':
        return this.#use(person);
      case 'sync':
        return this.#sync(person);
      case 'strange':
        return this.#strange();
      case 'basement':
        return this.#goOffline(person);
      case 'clock':
        return this.#stepClock();
      case 'late':
        return this.#arriveLate();
      case 'purge':
        return world.purge();
      case 'restart':
        return this.#restart();
      case 'app':
        this.#say(`the app on ${person.name} starts again`);
        return world.restartApp(person);
    }
  }

  async #use({ phone, name }: Person): Promise<void> {
    for (let moves = this.random.integer(1, 4); moves > 0; moves -= 1) {
      this.#say(`${name}: ${await move(phone, this.random, this.#table)}`);
    }
  }

  async #sync(person: Person): Promise<void> {
    const { world, random } = this;
    const { wire } = person;
    if (random.chance(0.45)) {
      wire.fates.pull.push(World.fate(random));
      wire.fates.push.push(World.fate(random), World.fate(random));
    }
    // What this person or others do during the sync.
    const isQuiet = random.chance(0.5);
    if (!isQuiet) this.#plantInterludes(person);
    const before = world.referee.counts.accepted;
    const isDone = await world.sync(person);
    wire.fates.pull.length = wire.fates.push.length = 0;
    for (const moment of Object.keys(wire.interludes)) delete wire.interludes[moment as keyof Interludes];
    // A phone that only pulled, without interference, holds exactly the server's data.
    const isComplete = isDone && isQuiet && world.referee.counts.accepted === before;
    if (isComplete && (await person.phone.unsyncedCount()) === 0)
      await this.#compare(person, world.expectedRows());
  }

  #plantInterludes(person: Person): void {
    const { world, random } = this;
    const { wire } = person;
    const other = random.pick(world.people);
    if (other !== person && random.chance(0.7)) {
      wire.interludes['before push'] = async () => {
        await this.#use(other);
        await world.sync(other);
      };
    }
    if (random.chance(0.3)) wire.interludes['after pull'] = () => this.#use(person);
    if (random.chance(0.3)) wire.interludes['after push'] = () => this.#use(person);
    if (random.chance(0.05)) wire.interludes['before push'] = () => this.#restart();
    if (random.chance(0.2)) wire.interludes['before pull'] = () => Promise.resolve(this.#stepClock());
  }

  async #strange(): Promise<void> {
    const { world, random } = this;
    const push = strangePush(world.referee.ledger, random, world.oldClocks, this.#orphanOwners);
    if (push) await world.strangePush(push.what, push.changes, push.lastPulledAt);
    if (random.chance(0.3)) await world.look();
  }

  #goOffline(person: Person): void {
    person.offlineSteps = this.random.integer(5, 30);
    person.wire.isOffline = true;
    this.#say(`${person.name} is offline for ${person.offlineSteps} steps`);
  }

  #countDown(person: Person): void {
    if (person.offlineSteps === 0) return;
    person.offlineSteps -= 1;
    if (person.offlineSteps === 0) person.wire.isOffline = false;
  }

  #stepClock(): void {
    const { world, random } = this;
    const by = random.pick([-3 * DAY, -DAY, -90 * MINUTE, -1_000, 0, 1, 60 * MINUTE, 2 * DAY, 4 * DAY]);
    world.setTime(world.now() + by);
    this.#say(`the server's clock steps by ${by} ms to ${world.now()}`);
  }

  async #arriveLate(): Promise<void> {
    const { delayed } = this.world;
    if (delayed.length === 0) return;
    const [arrive] = delayed.splice(this.random.integer(0, delayed.length - 1), 1);
    await arrive?.();
  }

  async #restart(): Promise<void> {
    this.#say('the server restarts');
    await this.world.restart();
  }

  /** All phones are online and sync without faults until none has a change left. */
  async #settle(): Promise<void> {
    const { world } = this;
    while (world.delayed.length > 0) await this.#arriveLate();
    for (const person of world.people) {
      person.offlineSteps = 0;
      person.wire.isOffline = false;
      const mended = await mend(person.phone);
      if (mended > 0) this.#say(`${person.name} shortens ${mended} names`);
    }
    for (let round = 1; round <= SETTLING_ROUNDS; round += 1) {
      this.#say(`settling, round ${round}`);
      const before = world.referee.ledger.clock;
      let unsynced = 0;
      for (const person of world.people) {
        if (!(await world.sync(person)))
          throw new Error(`${person.name} cannot sync though nothing is in its way.`);
        unsynced += await person.phone.unsyncedCount();
      }
      if (unsynced === 0 && world.referee.ledger.clock === before) return;
    }
    throw new Error(`The phones still have news after ${SETTLING_ROUNDS} rounds.`);
  }

  async #judge(): Promise<void> {
    const { world } = this;
    const server = await world.look();
    const onServer = difference(world.expectedRows(), server);
    if (onServer) throw new Error(`The server is not what the accepted pushes add up to: ${onServer}.`);
    world.referee.judgeEnd(server);
    const totals = JSON.stringify(totalsOf(server));
    for (const person of world.people) {
      await this.#compare(person, server);
      if (JSON.stringify(totalsOf(await world.rowsOn(person))) !== totals) {
        throw new Error(`${person.name} computes other totals than the server's rows give.`);
      }
    }
  }

  async #compare(person: Person, expected: Snapshot): Promise<void> {
    const found = difference(expected, await this.world.rowsOn(person));
    if (found) throw new Error(`${person.name} does not hold what the server holds: ${found}.`);
  }

  #say(what: string): void {
    this.world.note(`${this.step}. ${what}`);
  }
}

type Interludes = Person['wire']['interludes'];
