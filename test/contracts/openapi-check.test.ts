import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { OpenApiCheck } from '../support/openapi-check.js';

const json = (schema: object) => ({ content: { 'application/json': { schema } } });
const document = {
  openapi: '3.1.0',
  paths: {
    '/games/{id}': {
      get: {
        responses: {
          200: {
            ...json({ $ref: '#/components/schemas/Game' }),
            headers: { 'Game-Rows': { required: true } },
          },
          204: {},
          404: { $ref: '#/components/responses/Problem' },
        },
      },
    },
  },
  components: {
    schemas: { Game: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } } },
    responses: { Problem: { content: { 'application/problem+json': { schema: { type: 'object' } } } } },
  },
};

const good = JSON.stringify({ id: 'g1' });
const problem = JSON.stringify({ code: 'NOT_FOUND', title: 'Not found', status: 404 });
const gameHeaders = { 'content-type': 'application/json; charset=utf-8', 'game-rows': '1' };
const problemHeaders = { 'content-type': 'application/problem+json' };

async function listen(
  answer: RequestListener,
): Promise<{ server: Server; check: OpenApiCheck; url: string }> {
  const server = createServer(answer);
  const check = new OpenApiCheck(JSON.stringify(document));
  check.watch(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, check, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The check's complaint about one answer; undefined: none. */
async function verdict(
  answer: RequestListener,
  path = '/games/1?x=1',
  method = 'GET',
): Promise<string | undefined> {
  const { server, check, url } = await listen(answer);
  await (await fetch(`${url}${path}`, { method })).arrayBuffer();
  await new Promise((resolve) => server.close(resolve));
  try {
    check.assertAllDescribed();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const described: Record<string, RequestListener> = {
  'a body sent at once': (_request, response) => void response.writeHead(200, gameHeaders).end(good),
  'headers set one by one': (_request, response) => {
    for (const [name, value] of Object.entries(gameHeaders)) response.setHeader(name, value);
    response.end(good);
  },
  'a body in pieces': (_request, response) => {
    response.writeHead(200, gameHeaders).write(good.slice(0, 5));
    response.end(Buffer.from(good.slice(5)));
  },
  'a compressed body': (_request, response) =>
    void response.writeHead(200, { ...gameHeaders, 'content-encoding': 'gzip' }).end(gzipSync(good)),
  'a compressed stream': (_request, response) => {
    response.writeHead(200, { ...gameHeaders, 'content-encoding': 'gzip' });
    Readable.from([good.slice(0, 3), good.slice(3)])
      .pipe(createGzip())
      .pipe(response);
  },
  'an answer without a body': (_request, response) => void response.writeHead(204).end(),
  'a shared problem': (_request, response) => void response.writeHead(404, problemHeaders).end(problem),
};

test.each(Object.entries(described))('%s that fits the document passes', async (_name, answer) => {
  expect(await verdict(answer)).toBeUndefined();
});

const undescribed: Record<string, [answer: RequestListener, complaint: RegExp]> = {
  'a body against its schema': [
    (_request, response) => void response.writeHead(200, gameHeaders).end('{"id":1}'),
    /id must be string/,
  ],
  'a compressed body against its schema': [
    (_request, response) =>
      void response.writeHead(200, { ...gameHeaders, 'content-encoding': 'gzip' }).end(gzipSync('{}')),
    /required property 'id'/,
  ],
  'a great body against its schema': [
    (_request, response) =>
      void response.writeHead(200, gameHeaders).end(JSON.stringify({ name: 'x'.repeat(3_000_000) })),
    /required property 'id'/,
  ],
  'a body that is not JSON': [
    (_request, response) => void response.writeHead(200, gameHeaders).end('{"id":'),
    /SyntaxError/,
  ],
  'a missing header': [
    (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(good),
    /no header Game-Rows/,
  ],
  'another media type': [
    (_request, response) =>
      void response.writeHead(200, { ...gameHeaders, 'content-type': 'text/plain' }).end(good),
    /media type "text\/plain"/,
  ],
  'another status': [(_request, response) => void response.writeHead(500).end(), /status is not documented/],
  'a problem without its code': [
    (_request, response) => void response.writeHead(404, problemHeaders).end('{"title":"Not found"}'),
    /code and title/,
  ],
  'a problem with another status': [
    (_request, response) => void response.writeHead(404, problemHeaders).end(problem.replace('404', '400')),
    /says status 400/,
  ],
};

test.each(Object.entries(undescribed))('%s is found', async (_name, [answer, complaint]) => {
  expect(await verdict(answer)).toMatch(complaint);
});

test('a route that the document does not know must answer with a problem', async () => {
  const refuse: RequestListener = (_request, response) =>
    void response.writeHead(404, problemHeaders).end(problem);
  const serve: RequestListener = (_request, response) => void response.writeHead(200, gameHeaders).end(good);
  for (const [path, method] of [
    ['/nothing', 'GET'],
    ['/games/1', 'DELETE'],
    ['/games/1/players', 'GET'],
  ] as const) {
    expect(await verdict(refuse, path, method)).toBeUndefined();
    expect(await verdict(serve, path, method)).toMatch(/unknown route/);
  }
});
