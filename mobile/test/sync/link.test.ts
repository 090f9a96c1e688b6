import type { SyncError } from '@tidemark/client';
import { Link } from '../../../client/src/connection/link';
import { PROTOCOL_VERSION } from '../../../src/protocol/version.js';
import { schema } from '../../src/database/schema';
import { Phone } from '../support/phone';
import { sharedServer } from '../support/server';

const LARGER_THAN_THE_SERVER_TAKES = 20_000;

test('a frame that is too large ends the connection for good', async () => {
  await using phone = await Phone.open(sharedServer().url);
  await phone.reaches('synced');
  const { accessToken } = (await phone.credentials.read())!;
  const handshake = {
    access_token: accessToken,
    protocol_version: PROTOCOL_VERSION,
    schema_version: schema.version,
  };

  const ended = new Promise<SyncError>((resolve) => {
    const link: Link = new Link(sharedServer().url, handshake, () => performance.now(), {
      onHello: () => void link.renewToken('x'.repeat(LARGER_THAN_THE_SERVER_TAKES)).catch(() => undefined),
      onPong: () => undefined,
      onChanges: () => undefined,
      onDocument: () => undefined,
      onEnd: resolve,
    });
  });

  const why = await ended;
  expect(why.code).toBe('FRAME_TOO_LARGE');
  expect(why.failure.isFinal).toBe(true);
});
