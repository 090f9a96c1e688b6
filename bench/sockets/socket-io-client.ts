import { WebSocket } from 'ws';
import type { Changes, Pong } from '../../src/protocol/events.js';
import type { Connection } from './connection.js';

// The part of Socket.IO's protocol (version 5, over Engine.IO 4) that is needed: text frames that begin with a packet type.

const OPEN = '0';
const HEARTBEAT = '2';
const CONNECT = '40';
const REFUSED = '44';
const EVENT = '42';
const ANSWER = '43';

/** Opens a connection. @param note gets the number of each announcement that arrives */
export function connectBareSocketIo(
  url: string,
  auth: Record<string, unknown>,
  note: (number: number) => void,
): Promise<Connection> {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const answers = new Map<number, () => void>();
  const connection: Connection = {
    ping: (n) =>
      new Promise((resolve) => {
        const begun = performance.now();
        answers.set(n, () => resolve(performance.now() - begun));
        socket.send(`${EVENT}${n}["ping",{"n":${n}}]`);
      }),
    close: () => socket.terminate(),
  };
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('message', (data: Buffer) => {
      const frame = data.toString();
      if (frame.startsWith(OPEN)) socket.send(CONNECT + JSON.stringify(auth));
      else if (frame === HEARTBEAT) socket.send('3');
      else if (frame.startsWith(REFUSED)) reject(new Error(`Refused: ${frame}`));
      else if (frame.startsWith(ANSWER)) {
        const [{ n }] = JSON.parse(frame.slice(frame.indexOf('['))) as [Pong];
        answers.get(n)?.();
        answers.delete(n);
      } else if (frame.startsWith(EVENT)) {
        const [name, payload] = JSON.parse(frame.slice(EVENT.length)) as [string, Changes];
        if (name === 'hello') resolve(connection);
        if (name === 'changes') note(payload.timestamp);
      }
    });
  });
}
