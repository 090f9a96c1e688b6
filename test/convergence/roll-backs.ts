import { TestDevice, type Reply } from '../support/device.js';
import { moveTo, type Pulled, type Pushed } from '../support/exchange.js';
import { creating, deleting, game, updating } from '../support/records.js';
import type { Storage } from '../support/storage.js';
import { Random } from './random.js';
import type { Host, RunningServer } from './world.js';

export interface RollBackOptions {
  seed: number;
  steps: number;
  /** Empty; the model removes only what it copies from it. */
  storage: Storage;
  copy(storage: Storage): Promise<Storage>;
  hostOf(storage: Storage): Promise<Host>;
}

export interface RollBackSummary {
  pulls: number;
  pushes: number;
  rollBacks: number;
  /** Devices that were told that what they had seen is lost. */
  noticed: number;
  /** Devices that came back when the server no longer knew the stamps of that time. */
  late: number;
}

/** What the server's data are, as the answers told it. */
class Timeline {
  /** @param commits every checkpoint of this history @param kept those that are not pruned @param from all up to here are pruned */
  constructor(
    readonly commits: Set<string>,
    private kept: string[],
    public from: number,
  ) {}

  add(checkpoint: string): void {
    if (this.commits.has(checkpoint)) return;
    this.commits.add(checkpoint);
    this.kept.push(checkpoint);
  }

  /** Forgets what is older than `cutoff`, but never the newest. */
  prune(cutoff: number): void {
    const newest = this.kept.at(-1);
    const due = this.kept.filter((checkpoint) => stampOf(checkpoint) < cutoff && checkpoint !== newest);
    this.kept = this.kept.filter((checkpoint) => !due.includes(checkpoint));
    this.from = Math.max(this.from, ...due.map(stampOf));
  }

  copy(): Timeline {
    return new Timeline(new Set(this.commits), [...this.kept], this.from);
  }
}

/** One device, as our clients sync it. */
interface Phone {
  device: TestDevice;
  lastPulledAt: number | null;
  checkpoint: string | null;
  /** The games that it has, by id: what it pulled, and its own acknowledged edits. */
  names: Map<string, unknown>;
}

const stampOf = (checkpoint: string): number => Number(checkpoint.split('-')[0]);

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const RETENTION_DAYS = 10;
const FIRST_MOMENT = Date.UTC(2100, 0, 1);
/** Access tokens live for a year. */
const LAST_MOMENT = FIRST_MOMENT + 300 * DAY;
const ENV = { STAMP_RETENTION_DAYS: String(RETENTION_DAYS), ACCESS_TOKEN_TTL_SECONDS: '31536000' };
const MAX_SAVED = 4;

/**
 * Plays one seeded run: devices push and pull, and now and then the server's data are put back to an earlier copy.
 * Whoever had seen what is lost must be told before any answer calls it up to date; nobody else may be told so.
 * @throws Error with the seed, the step and the journal
 */
export async function runRollBacks(options: RollBackOptions): Promise<RollBackSummary> {
  const model = new RollBacks(options);
  try {
    return await model.play();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Roll-backs, seed ${options.seed}: ${reason}\n${model.journal.join('\n')}`, { cause });
  } finally {
    await model.close();
  }
}

class RollBacks {
  readonly journal: string[] = [];
  private readonly random: Random;
  private readonly counts: RollBackSummary = { pulls: 0, pushes: 0, rollBacks: 0, noticed: 0, late: 0 };
  private readonly copies: Storage[] = [];
  private saved: { storage: Storage; timeline: Timeline }[] = [];
  private phones: Phone[] = [];
  private timeline = new Timeline(new Set(), [], 0);
  private storage: Storage;
  private server!: RunningServer;
  private time = FIRST_MOMENT;
  private games = 0;

  constructor(private readonly options: RollBackOptions) {
    this.random = new Random(options.seed);
    this.storage = options.storage;
  }

  async play(): Promise<RollBackSummary> {
    await this.start(this.storage);
    const first = await TestDevice.register(this.server.url);
    const devices = [first, ...(await Promise.all([first.pair(), first.pair(), first.pair()]))];
    this.phones = devices.map((device) => ({
      device,
      lastPulledAt: null,
      checkpoint: null,
      names: new Map(),
    }));
    for (const phone of this.phones) await this.pull(phone);
    this.timeline.from = this.phones[0]!.lastPulledAt!;
    await this.save();
    for (let step = 1; step <= this.options.steps; step += 1) await this.happen();
    for (const phone of this.phones) await this.pull(phone);
    return this.counts;
  }

  async close(): Promise<void> {
    await this.server?.close();
    for (const copy of this.copies) await copy.dispose();
  }

  private async happen(): Promise<void> {
    const { random } = this;
    this.time += random.integer(0, 2 * MINUTE);
    // Some phones are seldom used, so that others push between.
    const phone = this.phones[random.chance(0.6) ? 0 : random.integer(0, this.phones.length - 1)]!;
    const event = random.weighted({
      push: 40,
      pull: 25,
      status: 8,
      clock: 10,
      purge: 6,
      save: 4,
      goBack: 6,
      restart: 1,
    });
    if (event === 'push') return this.push(phone);
    if (event === 'pull') return this.pull(phone);
    if (event === 'status') return this.status(phone);
    if (event === 'save') return this.save();
    if (event === 'goBack') return this.goBack();
    if (event === 'restart') return this.restart(this.storage);
    if (event === 'clock') {
      const by = random.pick([
        -2 * DAY,
        -60 * MINUTE,
        -60 * MINUTE,
        -1_000,
        60 * MINUTE,
        DAY,
        6 * DAY,
        12 * DAY,
      ]);
      this.time = Math.min(LAST_MOMENT, Math.max(FIRST_MOMENT, this.time + by));
      this.say(`the clock steps by ${by / MINUTE} minutes`);
      return;
    }
    this.say('purge');
    await this.server.purge();
    this.timeline.prune(this.time - RETENTION_DAYS * DAY);
  }

  private async push(phone: Phone): Promise<void> {
    if (phone.lastPulledAt === null) return this.pull(phone);
    const { random } = this;
    const known = [...phone.names.keys()];
    const isNew = known.length === 0 || random.chance(0.4);
    const id = isNew ? `g${(this.games += 1)}` : random.pick(known);
    const name = `name ${(this.games += 1)}`;
    const isDeleted = !isNew && random.chance(0.2);
    const row = game(id, { name });
    const changes = isDeleted
      ? deleting({ games: [id] })
      : isNew
        ? creating({ games: [row] })
        : updating({ games: [row] });
    const reply = await phone.device.push(changes, phone.lastPulledAt, this.sentBy(phone));
    if (reply.body.code === 'PUSH_CONFLICT') return this.pull(phone);
    if (await this.startsOver(phone, 'push', reply)) return;
    this.counts.pushes += 1;
    const { checkpoint, rejected } = reply.body as Pushed;
    this.keep(phone, checkpoint);
    if (isDeleted || rejected) phone.names.delete(id);
    else phone.names.set(id, name);
  }

  private async pull(phone: Phone): Promise<void> {
    const query = { ...this.sentBy(phone), last_pulled_at: phone.lastPulledAt ?? undefined };
    const reply = await phone.device.pull(query);
    if (await this.startsOver(phone, 'pull', reply)) return;
    this.counts.pulls += 1;
    const { changes, timestamp, checkpoint } = reply.body as Pulled;
    for (const row of changes.games!.updated) phone.names.set(row.id, row.name);
    for (const id of changes.games!.deleted) phone.names.delete(id);
    this.keep(phone, checkpoint);
    phone.lastPulledAt = timestamp;
    await this.compare(phone, 'a pull');
  }

  private async status(phone: Phone): Promise<void> {
    if (phone.lastPulledAt === null) return;
    const query = { ...this.sentBy(phone), last_pulled_at: phone.lastPulledAt };
    const reply = await phone.device.request('GET', '/sync/status', { query });
    if (await this.startsOver(phone, 'status', reply)) return;
    if (reply.body.up_to_date) await this.compare(phone, 'up_to_date');
  }

  /**
   * Checks that the refusal, or its absence, is right.
   * @returns whether the phone starts over: it was told that its data are lost, or came too late to be told
   */
  private async startsOver(phone: Phone, what: string, { status, body }: Reply): Promise<boolean> {
    const name = `phone ${this.phones.indexOf(phone)}, at ${phone.lastPulledAt} with ${phone.checkpoint}`;
    this.say(`${what} of ${name}: ${status}`);
    const isLost = this.isLost(phone);
    if (status === 409 && body.code === 'HISTORY_CHANGED') {
      if (!isLost) throw new Error(`a false alarm for ${name}`);
      this.counts.noticed += 1;
      this.startOver(phone);
      await this.pull(phone);
      return true;
    }
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
    if (!isLost) return false;
    const isForgotten = stampOf(phone.checkpoint!) <= this.timeline.from;
    if (!isForgotten) throw new Error(`what ${name} had seen is lost, and nobody told it`);
    this.counts.late += 1;
    this.startOver(phone);
    return true;
  }

  /** Whether the phone has seen something that is no longer there. */
  private isLost({ checkpoint }: Phone): boolean {
    return checkpoint !== null && !this.timeline.commits.has(checkpoint);
  }

  private startOver(phone: Phone): void {
    Object.assign(phone, { lastPulledAt: null, checkpoint: null, names: new Map() });
  }

  private sentBy({ checkpoint }: Phone): { checkpoint?: string } {
    return checkpoint === null ? {} : { checkpoint };
  }

  private keep(phone: Phone, checkpoint: string): void {
    this.timeline.add(checkpoint);
    if (phone.checkpoint === null || stampOf(checkpoint) >= stampOf(phone.checkpoint)) {
      phone.checkpoint = checkpoint;
    }
  }

  /** Checks that the phone has exactly what the server has. */
  private async compare(phone: Phone, after: string): Promise<void> {
    const reply = await phone.device.pull();
    const rows = (reply.body as Pulled).changes.games!.updated.map(({ id, name }) => [id, name]);
    const [here, there] = [[...phone.names], rows].map((list) => JSON.stringify(list.sort()));
    if (here !== there) throw new Error(`after ${after} the phone has ${here}, the server ${there}`);
  }

  private async save(): Promise<void> {
    this.say(`save ${this.saved.length}`);
    await this.server.close();
    const storage = await this.copy(this.storage);
    const kept = this.saved.length < MAX_SAVED ? this.saved : this.saved.slice(1);
    this.saved = [...kept, { storage, timeline: this.timeline.copy() }];
    await this.start(this.storage);
  }

  private async goBack(): Promise<void> {
    const { storage, timeline } = this.random.pick(this.saved);
    this.say(`go back to ${[...timeline.commits].at(-1)}`);
    this.counts.rollBacks += 1;
    this.timeline = timeline.copy();
    await this.restart(await this.copy(storage));
  }

  private async copy(storage: Storage): Promise<Storage> {
    const copy = await this.options.copy(storage);
    this.copies.push(copy);
    return copy;
  }

  private async restart(storage: Storage): Promise<void> {
    await this.server.close();
    await this.start(storage);
  }

  private async start(storage: Storage): Promise<void> {
    this.storage = storage;
    const host = await this.options.hostOf(storage);
    this.server = await host.start({ now: () => this.time, env: ENV });
    for (const { device } of this.phones) moveTo(device, this.server.url);
  }

  private say(what: string): void {
    this.journal.push(`  ${new Date(this.time).toISOString()} ${what}`);
  }
}
