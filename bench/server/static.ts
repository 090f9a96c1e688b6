import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerCalls } from '../lab/remote.js';

// A plain static file server: `static.ts <file>` answers every request with that file.

const file = process.argv[2]!;
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': statSync(file).size });
  createReadStream(file).pipe(response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

const calls = { url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
/** The functions of the static file server. */
export type StaticCalls = typeof calls;

answerCalls(calls);
