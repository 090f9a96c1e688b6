/** What the network can do to a single request. */
export type Fault =
  /** It never reaches the server. */
  | 'lost request'
  /** The server processes it, but the answer never arrives. */
  | 'lost response'
  /** It arrives twice, one after the other; the phone gets the second answer. */
  | 'duplicated request';

/** A request as a test names it: by the end of its path. */
export type RequestName = 'pull' | 'push' | 'token' | 'pairing-codes';

/** One request of a phone; status 0: the phone got no answer. */
export interface Exchange {
  request: string;
  status: number;
  query: URLSearchParams;
  /** What was sent, parsed. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies freely
  sent: any;
  /** The parsed answer; undefined: none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies freely
  answered: any;
}

/** What happens to one request, in this order; each part is optional. */
export interface Plan {
  /** Runs after the request has left the phone, before it reaches the server. */
  before?: () => Promise<unknown>;
  fault?: Fault;
  /** Runs after the server has answered, before the answer reaches the phone. */
  after?: () => Promise<unknown>;
}

/** One phone's network: a `fetch` whose failures a test decides. */
export class Network {
  /** While true, every request fails as it does without a connection. */
  isOffline = false;
  /** Requests with their answers, oldest first; a test that wants only later ones empties it. */
  readonly exchanges: Exchange[] = [];
  private readonly plans: { request: RequestName; plan: Plan }[] = [];

  /** @param url the server's current address; may change, as after a move to another port */
  constructor(public url: string) {}

  /** Plans what happens to the next such request; several plans for one kind are used up in order. */
  next(request: RequestName, plan: Plan): void {
    this.plans.push({ request, plan });
  }

  /** How many such requests were answered with `status` (any, when left out). */
  count(request: RequestName, status?: number): number {
    return this.exchanges.filter(
      (exchange) => exchange.request === request && (status === undefined || exchange.status === status),
    ).length;
  }

  /** The last such request. @throws Error when there was none */
  last(request: RequestName): Exchange {
    const found = this.exchanges.filter((exchange) => exchange.request === request).at(-1);
    if (!found) throw new Error(`No ${request} was made.`);
    return found;
  }

  /** Stands in for the global `fetch`; the address's origin is replaced by `url`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, search, searchParams } = new URL(String(input));
    const request = pathname.split('/').at(-1) ?? '';
    const sent: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    const exchange: Exchange = { request, status: 0, query: searchParams, sent, answered: undefined };
    this.exchanges.push(exchange);

    const index = this.plans.findIndex((planned) => planned.request === request);
    const plan = index < 0 ? undefined : this.plans.splice(index, 1)[0]?.plan;
    await plan?.before?.();
    if (this.isOffline || plan?.fault === 'lost request') throw new TypeError('fetch failed: no connection');

    const address = new URL(pathname + search, this.url);
    if (plan?.fault === 'duplicated request') await (await fetch(address, init)).arrayBuffer();
    const response = await fetch(address, init);
    const text = await response.text();
    await plan?.after?.();
    if (plan?.fault === 'lost response') throw new TypeError('fetch failed: the connection broke');

    exchange.status = response.status;
    exchange.answered = JSON.parse(text);
    return new Response(text, { status: response.status, headers: response.headers });
  };
}
