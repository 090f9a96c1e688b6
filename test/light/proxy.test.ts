import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { Random } from '../convergence/random.js';
import { Proxy } from './proxy.js';

/** An HTTP server that answers with the request's body, and echoes bytes of upgraded connections. */
class Echo implements AsyncDisposable {
  /** `POST /api/x body` for each request that came in. */
  readonly requests: string[] = [];
  readonly upgraded: Duplex[] = [];

  private constructor(
    readonly server: Server,
    readonly proxy: Proxy,
  ) {}

  static async start(): Promise<Echo> {
    const server = createServer((message, response) => {
      void text(message).then((body) => {
        echo.requests.push(`${message.method} ${message.url} ${body}`);
        response.end(body);
      });
    });
    server.on('upgrade', (_message, socket: Duplex) => {
      echo.upgraded.push(socket);
      socket.on('error', () => socket.destroy());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.on('data', (bytes) => socket.write(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const proxy = await Proxy.start(() => url, new Random(1));
    const echo = new Echo(server, proxy);
    return echo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.upgraded) socket.destroy();
    await this.proxy.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Sends requests over one connection that is kept. */
class Browser implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly url: string) {}

  async post(path: string, body: string, headers: Record<string, string> = {}): Promise<string> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: 'POST', agent: this.#agent, headers };
      request(`${this.url}${path}`, options, resolve).on('error', reject).end(body);
    });
    return text(answer);
  }

  /** Opens and upgrades a connection. */
  upgrade(): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      request(`${this.url}/socket.io`, { headers: { connection: 'upgrade', upgrade: 'echo' } })
        .on('upgrade', (_message, socket) => resolve(socket))
        .on('error', reject)
        .end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** @returns whether the promise is still pending after so many milliseconds */
async function isWaiting(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const waiting = Symbol();
  const timeout = new Promise((resolve) => setTimeout(resolve, ms, waiting));
  return (await Promise.race([promise.catch(() => undefined), timeout])) === waiting;
}

const once = (socket: Duplex, event: string): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve));

test('passes requests of any size and form on as they are, over one connection', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  const large = 'round '.repeat(200_000);
  expect(await browser.post('/api/small', 'ä')).toBe('ä');
  expect(await browser.post('/api/large', large)).toBe(large);
  expect(await browser.post('/api/chunked', large, { 'transfer-encoding': 'chunked' })).toBe(large);
  expect(await browser.post('/api/none', '')).toBe('');
  expect(echo.proxy.accepted).toBe(1);
});

test('delivers a request twice; the client hears one answer and its connection goes on', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  echo.proxy.fates.push('sent twice');
  expect(await browser.post('/api/push', 'one')).toBe('one');
  expect(await browser.post('/api/push', 'two')).toBe('two');
  expect(echo.requests).toEqual(['POST /api/push one', 'POST /api/push one', 'POST /api/push two']);
  expect(echo.proxy.accepted).toBe(1);
});

test('delivers a copy later', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  echo.proxy.fates.push('copy later');
  expect(await browser.post('/api/sync/push', 'one')).toBe('one');
  for (const deadline = Date.now() + 5_000; echo.requests.length < 2 && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(echo.requests).toEqual(['POST /api/sync/push one', 'POST /api/sync/push one']);
});

test('loses an answer: the server did what was asked, the client hears the connection break', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  echo.proxy.fates.push('answer lost');
  await expect(browser.post('/api/push', 'one')).rejects.toThrow('ECONNRESET');
  expect(echo.requests).toEqual(['POST /api/push one']);
});

test('stalls: takes bytes and passes none, on old and new connections, until it ends', async () => {
  await using echo = await Echo.start();
  using old = new Browser(echo.proxy.url);
  using fresh = new Browser(echo.proxy.url);
  await old.post('/api/a', 'before');
  echo.proxy.stall('up');
  const answers = [old.post('/api/a', 'old'), fresh.post('/api/a', 'fresh')];
  expect(await isWaiting(Promise.any(answers), 100)).toBe(true);
  expect(echo.requests).toEqual(['POST /api/a before']);
  echo.proxy.stall(null);
  expect(await Promise.all(answers)).toEqual(['old', 'fresh']);
});

test('silences for ever the sockets alone, or the requests; new connections work', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  using other = new Browser(echo.proxy.url);
  const socket = await browser.upgrade();
  echo.proxy.silence('sockets');
  socket.write('hello');
  expect(await isWaiting(once(socket, 'data'), 100)).toBe(true);
  expect(await browser.post('/api/a', 'requests work')).toBe('requests work');
  echo.proxy.silence('requests');
  const answer = browser.post('/api/a', 'silent');
  echo.proxy.heal();
  expect(await isWaiting(Promise.race([answer, once(socket, 'data')]), 100)).toBe(true);
  expect(await other.post('/api/a', 'new')).toBe('new');
  socket.destroy();
});

test('delays bytes and keeps their order', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  const socket = await browser.upgrade();
  echo.proxy.delay = { base: 30, jitter: 60 };
  const sent = Array.from({ length: 200 }, (_, number) => `${number},`).join('');
  const began = Date.now();
  let heard = '';
  const all = new Promise<void>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString();
      if (heard.length >= sent.length) resolve();
    });
  });
  for (let at = 0; at < sent.length; at += 10) socket.write(sent.slice(at, at + 10));
  await all;
  expect(heard).toBe(sent);
  expect(Date.now() - began).toBeGreaterThanOrEqual(55); // there and back
  socket.destroy();
});

test('half-closes: one direction ends, the other goes on', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  const socket = await browser.upgrade();
  const [remote] = echo.upgraded as [Duplex];
  const ended = once(remote, 'end');
  echo.proxy.halfClose('up');
  await ended;
  remote.write('still here');
  expect(String(await once(socket, 'data'))).toBe('still here');
  socket.destroy();
});

test.each(['reset', 'end'] as const)('cuts connections by %s', async (how) => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  const socket = await browser.upgrade();
  const errors: string[] = [];
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code!));
  const closed = once(socket, 'close');
  socket.resume();
  echo.proxy.cut(how);
  await closed;
  expect(errors).toEqual(how === 'reset' ? ['ECONNRESET'] : []);
});

test('refuses connections, and takes them again', async () => {
  await using echo = await Echo.start();
  using browser = new Browser(echo.proxy.url);
  echo.proxy.isRefusing = true;
  await expect(browser.post('/api/a', 'one')).rejects.toThrow(/ECONNRESET|hang up/);
  echo.proxy.isRefusing = false;
  expect(await browser.post('/api/a', 'two')).toBe('two');
  expect(echo.requests).toEqual(['POST /api/a two']);
});
