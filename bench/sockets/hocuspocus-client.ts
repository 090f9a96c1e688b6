import { WebSocket } from 'ws';
import type { Connection } from './connection.js';

// The few messages of Hocuspocus 3 that are needed here. Each has the document's name, a type and its data, encoded as in
// lib0 (lengths and numbers are variable-length integers, and each text follows its length).

const AUTH = 2;
const AUTH_TOKEN = 0;
const AUTHENTICATED = 2;
const STATELESS = 5;

/** Opens a connection to one document. @param note gets the number of each announcement that arrives */
export function connectHocuspocus(
  url: string,
  document: string,
  token: string,
  note: (number: number) => void,
): Promise<Connection> {
  const socket = new WebSocket(url.replace('http', 'ws'), { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => socket.send(encode(document, AUTH, AUTH_TOKEN, token)));
    socket.on('message', (data: Buffer) => {
      const read = reader(data);
      read.text();
      const type = read.integer();
      if (type === AUTH && read.integer() === AUTHENTICATED) resolve({ close: () => socket.terminate() });
      if (type === STATELESS) note((JSON.parse(read.text()) as { timestamp: number }).timestamp);
    });
  });
}

function encode(...parts: (string | number)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      if (typeof part === 'number') return [integer(part)];
      const bytes = Buffer.from(part);
      return [integer(bytes.length), bytes];
    }),
  );
}

function integer(value: number): Buffer {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

function reader(data: Buffer) {
  let at = 0;
  const readInteger = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = data[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const text = (): string => {
    const length = readInteger();
    return data.toString('utf8', at, (at += length));
  };
  return { integer: readInteger, text };
}
