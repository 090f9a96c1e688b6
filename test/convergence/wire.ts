import type { Reply } from '../support/device.js';
import type { Changes } from './ledger.js';
import type { Referee } from './referee.js';

/** What the network does to one request. */
export type Fate =
  | 'delivered'
  | 'request lost'
  | 'response lost'
  /** Arrives twice, one after the other; the phone gets the second answer. */
  | 'sent twice'
  /** Arrives twice at the same time. */
  | 'sent twice at once'
  /** The phone gets no answer, and the request arrives much later. */
  | 'delayed'
  /** Answered as usual, and a copy arrives much later. */
  | 'delivered, copy delayed';

export type RequestKind = 'pull' | 'push';

/** What all wires of one run share. */
export interface Surroundings {
  /** Where the server listens now. */
  url(): string;
  /** The clock of the server's machine; it stands still during a request. */
  now(): number;
  referee: Referee;
  note(line: string): void;
  /** Records an error that must end the run: a client would treat it as a broken connection and continue. */
  fail(error: Error): void;
  /** Takes a request that arrives later. */
  delay(arrive: () => Promise<void>): void;
}

/** What `fetch` throws without a connection. */
class Lost extends TypeError {}

/** One phone's network: a `fetch` that loses, doubles and delays requests, and shows every answer to the referee. */
export class Wire {
  isOffline = false;
  /** Whether a request or an answer was lost since this was last set to false. */
  hasLost = false;
  readonly fates: Record<RequestKind, Fate[]> = { pull: [], push: [] };
  /** Runs once after the next such request has left the phone, or before its answer reaches the phone. */
  readonly interludes: Partial<Record<`${'before' | 'after'} ${RequestKind}`, () => Promise<void>>> = {};
  /** Events since the journal last read them. */
  readonly heard: string[] = [];

  constructor(private readonly around: Surroundings) {}

  readonly fetch: typeof fetch = async (input, init) => {
    try {
      return await this.#carry(input, init);
    } catch (error) {
      if (!(error instanceof Lost)) this.around.fail(error as Error);
      throw error;
    }
  };

  async #carry(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    const path = pathname + search;
    const kind = pathname.split('/').at(-1) as RequestKind;
    const fate = this.fates[kind]?.shift() ?? 'delivered';
    await this.#interlude(`before ${kind}`);
    if (this.isOffline || fate === 'request lost' || fate === 'delayed') {
      if (fate === 'delayed' && !this.isOffline) this.#delay(kind, path, init);
      this.#lose(`${kind}: ${this.isOffline ? 'offline' : fate}`);
    }

    const copies = fate === 'sent twice at once' ? 2 : 1;
    const replies = await Promise.all(Array.from({ length: copies }, () => this.#send(path, init)));
    // Either of two simultaneous copies may come first; only the first one can have changed anything.
    const [reply] = replies.sort((a, b) => a.status - b.status) as [Reply];
    for (const each of replies) this.#judge(kind, path, init, each);
    let heard = reply;
    if (fate === 'sent twice') {
      heard = await this.#send(path, init);
      this.#judge(kind, path, init, heard);
    }
    if (fate === 'delivered, copy delayed') this.#delay(kind, path, init);
    await this.#interlude(`after ${kind}`);
    if (fate === 'response lost') this.#lose(`${kind}: ${heard.status}, response lost`);
    this.heard.push(`${kind}: ${heard.status}${fate === 'delivered' ? '' : `, ${fate}`}`);
    return new Response(JSON.stringify(heard.body), { status: heard.status, headers: heard.headers });
  }

  #lose(what: string): never {
    this.hasLost = true;
    this.heard.push(what);
    throw new Lost('fetch failed');
  }

  #delay(kind: RequestKind, path: string, init: RequestInit): void {
    this.around.delay(async () => {
      const late = { ...init, signal: undefined };
      const reply = await this.#send(path, late);
      this.around.note(`  late ${kind}: ${reply.status}`);
      this.#judge(kind, path, late, reply);
    });
  }

  async #send(path: string, init: RequestInit): Promise<Reply> {
    const response = await fetch(this.around.url() + path, init);
    const headers = new Headers(response.headers);
    for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name);
    return { status: response.status, headers, body: await response.json() };
  }

  #judge(kind: RequestKind, path: string, init: RequestInit, reply: Reply): void {
    if (reply.status === 401) return; // the token has expired: the app refreshes it and repeats the request
    const { referee, note } = this.around;
    const query = new URL(path, 'http://server').searchParams;
    if (kind === 'pull') {
      referee.judgePull(Number(query.get('last_pulled_at') ?? 0), reply);
    } else if (kind === 'push') {
      const body = JSON.parse(init.body as string) as { changes: Changes; last_pulled_at: number };
      note(`  push on ${body.last_pulled_at}: ${contents(body.changes)}`);
      const verdict = referee.judgePush(body.changes, body.last_pulled_at, this.around.now(), reply);
      note(`  = ${JSON.stringify(verdict)}`);
    }
  }

  async #interlude(moment: `${'before' | 'after'} ${RequestKind}`): Promise<void> {
    const work = this.interludes[moment];
    delete this.interludes[moment];
    await work?.();
  }
}

/** The ids of a push, for the journal: `+` created, `~` updated, `-` deleted. */
function contents(changes: Changes): string {
  return Object.entries(changes)
    .flatMap(([table, { created = [], updated = [], deleted = [] }]) => [
      ...created.map(({ id }) => `+${table}/${id}`),
      ...updated.map(({ id }) => `~${table}/${id}`),
      ...deleted.map((id) => `-${table}/${id}`),
    ])
    .join(' ');
}
