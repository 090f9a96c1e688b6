import { synchronize } from '@nozbe/watermelondb/sync/index.js';
import { fetchTransport } from '../client/src/api/fetch-transport.js';
import { Tidemark } from '../client/src/tidemark.js';
import { parentsOf } from '../src/protocol/schema.js';
import { deviceCredentials } from '../test/support/device-credentials.js';
import type { PhoneSync, PhoneSyncParts } from '../test/support/phone.js';

/** Syncs a phone with the client that apps use. It is stopped between syncs, because the story decides who syncs when. */
export function clientSync({ database, device, network, schema }: PhoneSyncParts): PhoneSync {
  const opening = Tidemark.open({
    database,
    synchronize,
    serverUrl: network.url,
    device: { name: 'demo', platform: 'node' },
    parents: parentsOf(schema),
    credentials: deviceCredentials(device),
    transport: (request) => fetchTransport(request, network.fetch),
  });
  return {
    async sync() {
      const tidemark = await opening;
      tidemark.setOnline(!network.isOffline);
      try {
        await tidemark.sync();
      } finally {
        await tidemark.stop();
      }
    },
    async createPairingCode() {
      const { code, expiresAt } = await (await opening).pair();
      return { code, expires_at: expiresAt };
    },
  };
}
