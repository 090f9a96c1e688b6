import { loadConfig } from '../../src/foundation/config/config.js';
import { send } from '../support/device.js';
import { expectProblem, store } from '../support/exchange.js';
import { game } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { deviceAuth, TestSocket } from '../support/socket.js';

const PAGE = 'https://app.example.org';

/** Web pages of other origins: `CORS_ORIGINS`. */
describe('CORS_ORIGINS', () => {
  const read = (CORS_ORIGINS: string) => loadConfig({ env: { CORS_ORIGINS } }).corsOrigins;

  test.each([
    [PAGE, PAGE],
    [`${PAGE}/`, PAGE],
    ['HTTPS://App.Example.ORG', PAGE],
    [`${PAGE}:443/`, PAGE],
    ['http://localhost:80', 'http://localhost'],
    ['http://localhost:8081/', 'http://localhost:8081'],
    ['http://[2001:DB8::1]:8081', 'http://[2001:db8::1]:8081'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['Capacitor://LocalHost/', 'capacitor://localhost'],
    [` ${PAGE} ,, http://a.example/ ,`, `${PAGE},http://a.example`],
    [`${PAGE},${PAGE}/`, PAGE],
    [`${PAGE},*`, '*'],
    ['*', '*'],
    ['null', 'null'],
  ])('%s is taken as browsers write it: %s', (given, origins) => {
    expect(read(given)).toBe(origins);
  });

  test.each([
    'app.example.org',
    'localhost:8081',
    '//app.example.org',
    `${PAGE}/app`,
    `${PAGE}//`,
    `${PAGE}?a`,
    `${PAGE}/#`,
    'https://user@app.example.org',
    'https://*.example.org',
    'https://',
    'https://a b',
    'https://a.example https://b.example',
    'https://a:99999',
    'wss://app.example.org',
    'file:///app',
    'javascript:alert(1)',
  ])('%s is refused at start in one sentence', (given) => {
    const shown = given.includes('@') ? '…' : given; // it may be a password
    const sentence = `CORS_ORIGINS must list web origins such as https://app.example.org, not "${shown}".`;
    expect(() => read(given)).toThrow(sentence);
    expect(() => read(`${PAGE},${given}`)).toThrow(sentence);
  });

  test('a list of nothing is refused', () => {
    expect(() => read(' , ,')).toThrow('CORS_ORIGINS must list web origins');
    expect(read('')).toBeNull();
  });

  const app = shareApp('sqlite', { env: { CORS_ORIGINS: 'HTTPS://App.Example.org:443/,http://b.example' } });

  test('a page of an origin that was written otherwise gets its answers and its live connection', async () => {
    const device = await app().newDevice();
    for (const origin of [PAGE, 'http://b.example']) {
      const { headers } = await send('GET', `${app().url}/health/live`, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      using socket = new TestSocket(device.url, deviceAuth(device), { extraHeaders: { origin } });
      await socket.next('hello');
    }
    const { headers } = await send('GET', `${app().url}/health/live`, {
      headers: { origin: 'http://c.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  test('each answer varies with the origin, a gzipped one with the encoding as well', async () => {
    const device = await app().newDevice();
    const headers = { origin: PAGE, 'accept-encoding': 'gzip' };
    const varying = async (path: string) =>
      (await device.request('GET', path, { headers })).headers.get('vary')?.toLowerCase().split(/, */).sort();
    expect(await varying('/auth/devices')).toEqual(['origin']);
    await store(device, { games: [game('g1')] });
    expect(await varying('/sync/pull')).toEqual(['accept-encoding', 'origin']);
    expect(await varying('/nowhere')).toEqual(['origin']);
  });

  test('refusals can be read by the page, too', async () => {
    const headers = { origin: PAGE };
    const refused = [
      await send('GET', `${app().url}/nowhere`, { headers }),
      await send('GET', `${app().url}/api/v1/sync/pull`, { headers }),
      await send('POST', `${app().url}/api/v1/auth/devices`, { headers, body: '{' }),
      await send('POST', `${app().url}/api/v1/auth/devices`, { headers, body: `"${'x'.repeat(70_000)}"` }),
      await send('GET', `${app().url}/api/v1/auth/devices/${'x'.repeat(300)}`, { headers }),
    ];
    for (const reply of refused) {
      expect(reply.status).toBeGreaterThanOrEqual(400);
      expectProblem(reply, reply.status, reply.body.code as string);
      expect(reply.headers.get('access-control-allow-origin')).toBe(PAGE);
    }
  });
});
