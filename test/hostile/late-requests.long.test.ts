import type { Server } from 'node:http';
import { expectProblem } from '../support/exchange.js';
import { exchange, lastOf } from '../support/raw-exchange.js';
import { shareApp } from '../support/shared-app.js';

const PAGE = 'https://app.example.org';

/** Node looks every 30 s which requests are late. */
describe('a request that is not complete in time', () => {
  const app = shareApp('sqlite', { env: { CORS_ORIGINS: PAGE } });

  test('is told so with 408, and the page may read it', async () => {
    const http = app().nest.getHttpServer() as Server;
    Object.assign(http, { headersTimeout: 1, requestTimeout: 1 });
    const post =
      `POST /api/v1/auth/devices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
      `Origin: ${PAGE}\r\nContent-Length: 100\r\n\r\n{`;
    const [inHeaders, inBody] = await Promise.all([
      exchange(app(), 'GET /health/live HTTP/1.1\r\nHost: x\r\n'),
      exchange(app(), post),
    ]);
    for (const received of [inHeaders, inBody]) {
      const reply = lastOf(received);
      expectProblem(reply, 408, 'REQUEST_TIMEOUT');
      expect(reply.headers.get('vary')).toMatch(/Origin/);
    }
    expect(lastOf(inBody).headers.get('access-control-allow-origin')).toBe(PAGE);
  });
});
