import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { createApp } from '../../src/app.js';
import type { loadConfig } from '../../src/foundation/config/config.js';
import type { RetentionService } from '../../src/sync/retention.service.js';
import type { Host } from '../convergence/world.js';
import type { Storage } from '../support/storage.js';

/**
 * The built server inside this process, where the model controls its clock. The sources cannot be used: tsx omits the
 * decorators' type information, by which Nest finds what to inject.
 */
export async function builtHost(storage: Storage): Promise<Host> {
  const app = await built<{ createApp: typeof createApp }>('app.js');
  const config = await built<{ loadConfig: typeof loadConfig }>('foundation/config/config.js');
  const retention = await built<{ RetentionService: typeof RetentionService }>('sync/retention.service.js');
  const common = {
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1000000',
    ...storage.env,
  };
  return {
    start: async ({ now, env }) => {
      const nest = await app.createApp(config.loadConfig({ argv: [], env: { ...common, ...env } }), { now });
      await nest.listen(0, '127.0.0.1');
      const { port } = nest.getHttpServer().address() as AddressInfo;
      return {
        url: `http://127.0.0.1:${port}`,
        purge: () => nest.get(retention.RetentionService, { strict: false }).purge(),
        close: () => nest.close(),
      };
    },
  };
}

function built<T>(file: string): Promise<T> {
  return import(pathToFileURL(join(process.cwd(), 'dist', file)).href) as Promise<T>;
}
