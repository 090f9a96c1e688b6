/** What can happen to a single request on its way. */
export type Fault =
  /** It never reaches the server. */
  | 'lost request'
  /** The server does what it asks, but the answer never arrives. */
  | 'lost response'
  /** It arrives twice, one after the other; the second answer is the one that is heard. */
  | 'duplicated request';

/** A request as a test names it: by the end of its path. */
export type RequestName = 'pull' | 'push' | 'token' | 'pairing-codes';

/** One request that a phone made; status 0 when it heard no answer. */
export interface Exchange {
  request: string;
  status: number;
  query: URLSearchParams;
  /** What was sent, parsed. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies freely
  sent: any;
  /** What was answered, parsed; undefined when nothing was heard. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies freely
  answered: any;
}

/** What shall happen to one request, in this order; everything is optional. */
export interface Plan {
  /** Runs when the request has left the phone, before the server has it. */
  before?: () => Promise<unknown>;
  fault?: Fault;
  /** Runs when the server has answered, before the phone knows. */
  after?: () => Promise<unknown>;
}

/** One phone's way to the server: a `fetch` whose failures a test decides. */
export class Network {
  /** While true, every request fails as it does without a connection. */
  isOffline = false;
  /** What was asked and answered, oldest first; tests that want only what follows empty it. */
  readonly exchanges: Exchange[] = [];
  private readonly plans: { request: RequestName; plan: Plan }[] = [];

  /** @param url where the server is reachable now; may change, as after a move to another port */
  constructor(public url: string) {}

  /** Plans what the next such request meets; several plans for one kind of request are used up in order. */
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
