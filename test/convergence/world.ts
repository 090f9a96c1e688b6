import { schema } from '../../src/protocol/tables.js';
import { TestDevice } from '../support/device.js';
import { Phone } from '../support/phone.js';
import type { Snapshot } from './replica.js';
import { firstPull, redirect, sortedById } from './replica.js';
import type { Random } from './random.js';
import { Referee } from './referee.js';
import { Wire, type Fate, type Surroundings } from './wire.js';

/** A server that can be restarted on the same storage, with a clock that the model controls. */
export interface Host {
  start(options: { now: () => number; env: Record<string, string> }): Promise<RunningServer>;
}

export interface RunningServer {
  url: string;
  /** Purges deletions older than the retention now; the server itself does so once an hour. */
  purge(): Promise<unknown>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** After how many days the server forgets deletions; 0: never. */
  retentionDays: number;
  /** Called with every line of the journal. */
  listen?: (line: string) => void;
}

/** One person: a phone, its network, and for how long it is offline. */
export interface Person {
  readonly name: string;
  readonly phone: Phone;
  readonly wire: Wire;
  /** For how many more steps the phone is offline. */
  offlineSteps: number;
}

const DAY_MS = 86_400_000;
// Far ahead of the real clock: a server that used the real one would give itself away with its first stamp.
const FIRST_MOMENT = Date.UTC(2100, 0, 1);

/** The server, the phones and everything between them. */
export class World implements Surroundings {
  readonly people: Person[] = [];
  readonly journal: string[] = [];
  readonly delayed: (() => Promise<void>)[] = [];
  /** Clock values that some device received. */
  readonly oldClocks: number[] = [];
  referee!: Referee;
  /** A device over plain HTTP: it reads the server's state, and sends pushes that no phone would send. */
  witness!: TestDevice;
  restarts = 0;
  #failures: Error[] = [];
  #time = FIRST_MOMENT;
  #server!: RunningServer;

  private constructor(
    private readonly host: Host,
    private readonly options: WorldOptions,
  ) {}

  static async start(host: Host, options: WorldOptions): Promise<World> {
    const world = new World(host, options);
    world.#server = await world.#startServer();
    world.witness = await TestDevice.register(world.#server.url, { name: 'witness' });
    const { timestamp } = await firstPull(world.witness);
    world.referee = new Referee(schema, timestamp);
    return world;
  }

  readonly now = (): number => this.#time;
  readonly url = (): string => this.#server.url;
  readonly note = (line: string): void => {
    this.journal.push(line);
    this.options.listen?.(line);
  };
  readonly fail = (error: Error): void => void this.#failures.push(error);
  readonly delay = (arrive: () => Promise<void>): void => void this.delayed.push(arrive);

  /** Sets the clock of the server's machine; it may step back. */
  setTime(ms: number): void {
    this.#time = ms;
  }

  /** A new phone, without data, joins the account. */
  async join(name: string): Promise<Person> {
    const device = await (await this.#signedIn()).pair({ name });
    const phone = await Phone.open(this.url(), { name, device });
    const wire = new Wire(this);
    // The app takes its `fetch` when it starts, so a restart puts the wire between it and the server.
    Object.assign(phone.network, { fetch: wire.fetch });
    const person = { name, phone, wire, offlineSteps: 0 };
    await this.restartApp(person);
    this.people.push(person);
    return person;
  }

  /** Restarts the app on a phone. */
  async restartApp({ phone }: Person): Promise<void> {
    await phone.everything(); // before its first use the database is not open yet
    await phone.restart();
  }

  /** Restarts the server on the same storage. */
  async restart(): Promise<void> {
    await this.#server.close();
    this.#server = await this.#startServer();
    this.restarts += 1;
    redirect(this.witness, this.url());
  }

  /** Lets the server purge old deletions. */
  async purge(): Promise<void> {
    const { retentionDays } = this.options;
    if (retentionDays === 0) return;
    await this.#server.purge();
    this.referee.notePurge(this.now() - retentionDays * DAY_MS);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /**
   * One sync of one phone.
   * @returns whether it succeeded; false also after a lost request, or a refusal that the referee approved
   * @throws Error after any other failure
   */
  async sync(person: Person): Promise<boolean> {
    const { wire, phone, name } = person;
    wire.hasLost = false;
    wire.heard.length = 0;
    let failure: { code?: string } | undefined;
    let unexpected: Error | undefined;
    try {
      await phone.sync();
    } catch (error) {
      failure = error as { code?: string };
      const isLost = failure.code === 'NO_ANSWER' && wire.hasLost;
      const isExpected = isLost || failure.code === 'PUSH_CONFLICT' || failure.code === 'PULL_REQUIRED';
      if (!isExpected) unexpected = error as Error;
    }
    this.note(`${name} syncs: ${wire.heard.join('; ')}`);
    const mistake = this.#failures[0] ?? unexpected;
    if (mistake) throw mistake;
    this.oldClocks.push(this.referee.ledger.clock);
    return failure === undefined;
  }

  /** Sends a push as the witness; the referee judges the answer. */
  async strangePush(
    what: string,
    changes: Parameters<Referee['judgePush']>[0],
    lastPulledAt: number,
  ): Promise<void> {
    const device = await this.#signedIn();
    const reply = await device.push(changes, lastPulledAt);
    this.note(`a stranger pushes ${what} on ${lastPulledAt}: ${JSON.stringify(changes)}`);
    this.note(`  = ${JSON.stringify(this.referee.judgePush(changes, lastPulledAt, this.now(), reply))}`);
  }

  /** Makes a first pull; the referee judges the answer. */
  async look(): Promise<Snapshot> {
    const device = await this.#signedIn();
    this.referee.judgePull(0, await device.pull());
    return (await firstPull(device)).rows;
  }

  /** The server's data according to the ledger. */
  expectedRows(): Snapshot {
    const { ledger } = this.referee;
    return Object.fromEntries(
      Object.keys(schema.tables).map((table) => [table, sortedById(ledger.live(table))]),
    );
  }

  /** The rows on a phone. */
  rowsOn({ phone }: Person): Promise<Snapshot> {
    return phone.everything();
  }

  /** Draws what the network does to the requests of the next sync. */
  static fate(random: Random): Fate {
    return random.weighted<Fate>({
      delivered: 60,
      'request lost': 8,
      'response lost': 12,
      'sent twice': 5,
      'sent twice at once': 5,
      delayed: 5,
      'delivered, copy delayed': 5,
    });
  }

  #startServer(): Promise<RunningServer> {
    const env = { TOMBSTONE_RETENTION_DAYS: String(this.options.retentionDays) };
    return this.host.start({ now: this.now, env });
  }

  // A step of the clock may have made the access token expire.
  async #signedIn(): Promise<TestDevice> {
    if ((await this.witness.request('GET', '/auth/devices')).status === 401) {
      const reply = await this.witness.refresh();
      if (reply.status !== 200)
        throw new Error(`Refreshing the witness' token: ${JSON.stringify(reply.body)}`);
    }
    return this.witness;
  }
}
