import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { answerCalls } from '../lab/remote.js';

// The hostile clients. They are their own process, so that they take no time from whoever asks the server meanwhile.

/** One request as bytes. */
export interface HostileRequest {
  url: string;
  /** The request line and the headers. */
  head: string[];
  body?: Uint8Array;
}

let held: (Socket | WebSocket)[] = [];

const calls = {
  /** Sends one request and reads its answer. @returns the answer's status */
  async send(request: HostileRequest): Promise<number> {
    const socket = begin(request);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.resume();
    await once(socket, 'close');
    return Number(/^HTTP\/1\.1 (\d+)/.exec(first.toString())?.[1]);
  },
  /** Sends requests on connections of their own and reads nothing of the answers. */
  async readNothing({ requests }: { requests: HostileRequest[] }): Promise<void> {
    for (const request of requests) {
      const socket = begin(request);
      socket.pause();
      held.push(socket);
      await once(socket, 'connect');
    }
  },
  /** Opens sockets by a link to a game, which read nothing after their greeting. @returns how many were let in */
  async watchAndReadNothing(job: {
    url: string;
    auth: Record<string, unknown>;
    count: number;
  }): Promise<number> {
    let admitted = 0;
    for (let n = 0; n < job.count; n++) if (await watch(job.url, job.auth)) admitted++;
    return admitted;
  },
  /** Closes all connections that read nothing. */
  end(): void {
    for (const socket of held.splice(0))
      if (socket instanceof WebSocket) socket.terminate();
      else socket.destroy();
    held = [];
  },
};
/** The functions of the hostile clients. */
export type HostileCalls = typeof calls;

function begin({ url, head, body }: HostileRequest): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const length = body ? [`Content-Length: ${body.length}`] : [];
  socket.write([...head, `Host: ${hostname}`, 'Connection: close', ...length, '', ''].join('\r\n'));
  if (body) socket.write(body);
  return socket;
}

function watch(url: string, auth: Record<string, unknown>): Promise<boolean> {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address, { perMessageDeflate: false });
  held.push(socket);
  return new Promise((resolve) => {
    const end = (isAdmitted: boolean) => {
      socket.pause();
      resolve(isAdmitted);
    };
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('message', (data: Buffer) => {
      const frame = data.toString();
      if (frame.startsWith('0')) socket.send(`40${JSON.stringify(auth)}`);
      else if (frame.startsWith('42["hello"')) end(true);
      else if (frame.startsWith('44')) end(false);
    });
  });
}

answerCalls(calls);
