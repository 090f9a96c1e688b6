import type { Changes, RawRow } from '../convergence/ledger.js';
import type { Random } from '../convergence/random.js';
import { difference, Replica, sortedById, type FirstPull, type Snapshot } from '../convergence/replica.js';
import type { Reply, TestDevice } from '../support/device.js';
import { game, player } from '../support/records.js';

/** A push without an answer: the server may have stored it or not. */
interface Pending {
  changes: Changes;
  lastPulledAt: number;
  /** The writer's rows if the server has stored it. */
  rows: Map<string, RawRow>;
}

/**
 * A device that pushes only its own rows, one push after another, and knows after each answer which of them the server
 * must hold. It keeps a push that was cut off and sends it again, as an app does.
 */
export class Writer {
  /** The rows of all acknowledged pushes: `table/id` → row. */
  #rows = new Map<string, RawRow>();
  #pending?: Pending;
  #pushes = 0;
  /** The highest `timestamp` of any answer to this device. */
  highest = 0;
  /** While true, no answer to a push reaches this device. */
  isDeaf = false;
  readonly replica: Replica;

  constructor(
    readonly name: string,
    readonly device: TestDevice,
    private readonly random: Random,
  ) {
    this.replica = new Replica(device);
  }

  /**
   * Pulls and pushes once. @returns whether the push was acknowledged; false when the connection broke
   * @throws Error when the server refused
   */
  async write(): Promise<boolean> {
    try {
      await this.#pull();
    } catch (error) {
      if (isBroken(error)) return false;
      throw error;
    }
    this.#pending = this.#nextPush();
    return this.#send();
  }

  /**
   * What the restarted server has of the push that was cut off.
   * @throws Error when the push is stored in part, or an acknowledged push is missing
   */
  judge({ rows }: FirstPull): 'nothing pending' | 'there' | 'not there' {
    const found = this.#ownRows(rows);
    const lost = difference(asSnapshot(this.#rows), found);
    if (!this.#pending) {
      if (lost) throw new Error(`${this.name} was told that all is stored, but ${lost}.`);
      return 'nothing pending';
    }
    const torn = difference(asSnapshot(this.#pending.rows), found);
    if (lost && torn)
      throw new Error(`A push of ${this.name} is there in part: without it, ${lost}; with it, ${torn}.`);
    return lost ? 'there' : 'not there';
  }

  /** The ids of the rows that the push in doubt would write. */
  pendingIds(): string[] {
    const tables = Object.values(this.#pending?.changes ?? {});
    return tables.flatMap(({ created = [], updated = [], deleted = [] }) => [
      ...[...created, ...updated].map((row) => row.id),
      ...deleted,
    ]);
  }

  /** Sends the push that was cut off again, unchanged. @throws Error unless it is acknowledged now */
  async sendAgain(): Promise<void> {
    if (this.#pending && !(await this.#send()))
      throw new Error(`The connection of ${this.name} broke again.`);
  }

  /** Pulls what is new. @throws Error when the replica then differs from the server */
  async catchUp(server: FirstPull): Promise<void> {
    await this.#pull();
    const missed = difference(server.rows, this.replica.snapshot());
    if (missed) throw new Error(`Pulling only what is new, ${this.name} missed something: ${missed}.`);
  }

  async #pull(): Promise<void> {
    await this.replica.pull();
    this.highest = Math.max(this.highest, this.replica.lastPulledAt);
  }

  async #send(): Promise<boolean> {
    const { changes, lastPulledAt, rows } = this.#pending as Pending;
    let reply: Reply;
    try {
      reply = await this.device.push(changes, lastPulledAt);
    } catch (error) {
      if (isBroken(error)) return false;
      throw error;
    }
    if (this.isDeaf) return false;
    if (reply.status !== 200)
      throw new Error(`${this.name} was refused: ${reply.status} ${JSON.stringify(reply.body)}`);
    this.highest = Math.max(this.highest, (reply.body as { timestamp: number }).timestamp);
    this.#rows = rows;
    this.#pending = undefined;
    return true;
  }

  /** New games with players, edits of some rows and deletions of others; sometimes very many rows at once. */
  #nextPush(): Pending {
    const { random } = this;
    const push = (this.#pushes += 1);
    const rows = new Map(this.#rows);
    const created: Record<'games' | 'game_players', RawRow[]> = { games: [], game_players: [] };
    const count = random.chance(0.2) ? random.integer(500, 3_000) : random.integer(1, 60);
    const owner = game(`${this.name}-${push}`, { name: `Push ${push}` });
    created.games.push(owner);
    for (let seat = 0; seat < count; seat += 1) {
      created.game_players.push(player(`${this.name}-${push}-${seat}`, owner.id, { position: seat }));
    }
    const updated = this.#some(rows, 'game_players', 20).map((row) => ({ ...row, current_total: push }));
    const deleted = this.#some(rows, 'games', random.chance(0.3) ? 2 : 0).map((row) => row.id);
    const isAlive = (row: RawRow): boolean => !deleted.includes(row.game_id as string);
    const kept = updated.filter(isAlive);

    for (const row of created.games) rows.set(`games/${row.id}`, row);
    for (const row of [...created.game_players, ...kept]) rows.set(`game_players/${row.id}`, row);
    for (const id of deleted) rows.delete(`games/${id}`);
    for (const [key, row] of rows) if (key.startsWith('game_players/') && !isAlive(row)) rows.delete(key);
    const changes: Changes = {
      games: { created: created.games, deleted },
      game_players: { created: created.game_players, updated: kept },
    };
    return { changes, lastPulledAt: this.replica.lastPulledAt, rows };
  }

  #some(rows: Map<string, RawRow>, table: string, most: number): RawRow[] {
    const all = [...rows].filter(([key]) => key.startsWith(`${table}/`)).map(([, row]) => row);
    const chosen = new Set(
      Array.from({ length: this.random.integer(0, most) }, () => all[this.random.integer(0, all.length - 1)]),
    );
    return [...chosen].filter((row) => row !== undefined);
  }

  #ownRows(rows: Snapshot): Snapshot {
    const isOwn = (row: RawRow): boolean => row.id.startsWith(`${this.name}-`);
    return Object.fromEntries(Object.entries(rows).map(([table, all]) => [table, all.filter(isOwn)]));
  }
}

function asSnapshot(rows: Map<string, RawRow>): Snapshot {
  const snapshot: Snapshot = { games: [], game_players: [] };
  for (const [key, row] of rows) snapshot[key.slice(0, key.indexOf('/'))]?.push(row);
  return Object.fromEntries(Object.entries(snapshot).map(([table, all]) => [table, sortedById(all)]));
}

/** Whether there was no connection, or it broke before the answer was whole. */
function isBroken(error: unknown): boolean {
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '');
}
