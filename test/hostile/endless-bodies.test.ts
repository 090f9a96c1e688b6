import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { clockOf } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';

/** Bodies that announce much and inflate to nothing. */
describe('endless bodies', () => {
  const app = shareApp('sqlite');
  const EMPTY_MEMBERS = Buffer.concat(Array<Buffer>(50_000).fill(gzipSync('')));

  /** Sends empty gzip members without end until the server closes. @returns how many bytes it took, and its answer */
  async function flood(path: string, headers: string): Promise<{ bytes: number; answer: string }> {
    const { hostname, port } = new URL(app().url);
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('error', () => undefined).on('data', (data: Buffer) => (answer += data.toString('latin1')));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n` +
        `${headers}Content-Length: 4000000000\r\n\r\n`,
    );
    while (!socket.destroyed && socket.bytesWritten < 2_000_000_000) {
      if (!socket.write(EMPTY_MEMBERS))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    socket.destroy();
    return { bytes: socket.bytesWritten, answer };
  }

  test.each(['/api/v1/sync/push', '/api/v1/auth/devices', '/api/v1/nowhere', '/health/live'])(
    'bytes without end that inflate to nothing are refused at %s, and end the connection',
    async (path) => {
      const { bytes, answer } = await flood(path, '');
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(bytes).toBeLessThan(100_000_000);
    },
  );

  test('they are refused with a token too', async () => {
    const device = await app().newDevice();
    const headers = `Authorization: Bearer ${device.accessToken}\r\n`;
    const { answer } = await flood(`/api/v1/sync/push?last_pulled_at=${await clockOf(device)}`, headers);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});
