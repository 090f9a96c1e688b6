import { Api, fetchTransport, type Credentials, type HttpRequest, type Transport } from '@tidemark/client';
import { MemoryCredentials } from '../support/phone';
import { sharedServer } from '../support/server';

const server = sharedServer();

/** A registered device, and the list of its requests as `METHOD path`. */
async function device(meddle: (request: HttpRequest) => Promise<void> = async () => undefined) {
  const requests: string[] = [];
  const transport: Transport = async (request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname.replace('/api/v1', '')}`);
    await meddle(request);
    return fetchTransport(request);
  };
  const store = new MemoryCredentials();
  const api = new Api(server.url, store, transport);
  await store.write(await api.register({ name: 'phone', platform: 'node' }));
  requests.length = 0;
  return { api, store, requests };
}

async function change(
  store: MemoryCredentials,
  more: (old: Credentials) => Partial<Credentials>,
): Promise<void> {
  const old = (await store.read())!;
  await store.write({ ...old, ...more(old) });
}

const brokenToken = ({ accessToken }: Credentials) => ({ accessToken: `${accessToken.slice(0, -4)}AAAA` });

test('a token that is over is renewed first, once for all requests that need it', async () => {
  const { api, store, requests } = await device();
  await change(store, () => ({ expiresAt: Date.now() - 1 }));

  await Promise.all([api.request('GET', '/auth/devices'), api.request('GET', '/auth/devices')]);

  expect(requests.filter((request) => request === 'POST /auth/token')).toHaveLength(1);
  expect(requests[0]).toBe('POST /auth/token');
});

test('a token that the server does not take is renewed, and the request made again', async () => {
  const { api, store, requests } = await device();
  await change(store, brokenToken);

  expect(await api.request('GET', '/auth/devices')).toHaveLength(1);

  expect(requests).toEqual(['GET /auth/devices', 'POST /auth/token', 'GET /auth/devices']);
});

test('with a clock that is wrong, tokens are not renewed again and again', async () => {
  const { store, requests } = await device();
  let ahead = 3_600_000;
  const api = new Api(
    server.url,
    store,
    (request) => {
      requests.push(request.method);
      return fetchTransport(request);
    },
    () => Date.now() + ahead,
  );

  for (let count = 0; count < 3; count += 1) {
    await api.request('GET', '/auth/devices');
    ahead += 120_000;
  }

  expect(requests).toEqual(['POST', 'GET', 'GET', 'GET']);
});

test('a renewal whose answer is lost signs nobody out', async () => {
  let isLost = true;
  const { api, store } = await device(async (request) => {
    if (!isLost || !request.url.endsWith('/auth/token')) return;
    isLost = false;
    await fetchTransport(request);
    throw new Error('The connection broke.');
  });
  await change(store, brokenToken);

  await expect(api.request('GET', '/auth/devices')).rejects.toMatchObject({ code: 'NO_ANSWER', status: 0 });

  expect(await api.request('GET', '/auth/devices')).toHaveLength(1);
});

test('a problem of the server is told with its code, its words and what to do', async () => {
  const { api } = await device();

  await expect(api.request('DELETE', '/auth/devices/nobody')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    status: 404,
    message: expect.stringMatching(/\w/),
    hint: expect.stringMatching(/\w/),
  });
});

test('a page that is no answer of ours, as a hotel network gives it, is a missing connection', async () => {
  const portal: Transport = async () => ({ status: 200, body: '<html>Log in</html>', header: () => null });
  const { store } = await device();

  const request = new Api(server.url, store, portal).request('GET', '/auth/devices');

  await expect(request).rejects.toMatchObject({ code: 'NO_ANSWER', isNoAnswer: true });
});

test('a request that stops moving is given up', async () => {
  const { store } = await device();
  const silent: Transport = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('Given up.'))));

  await expect(new Api(server.url, store, silent).request('GET', '/auth/devices')).rejects.toMatchObject({
    code: 'STALLED',
  });
});

test('a request can be called off', async () => {
  const { api } = await device();
  const off = new AbortController();

  const request = api.request('GET', '/auth/devices', { signal: off.signal });
  off.abort();

  await expect(request).rejects.toMatchObject({ code: 'CANCELED' });
});
