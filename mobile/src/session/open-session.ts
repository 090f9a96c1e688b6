import { openDatabase } from '../database/open';
import { syncInBackground } from './background-sync';
import { credentialStore } from './credential-store';
import { Session } from '../../../client/src/tidemark';
import { watchSurroundings } from './surroundings';
import { defaultServerUrl, thisDevice } from './this-device';
import { xhrTransport } from '../../../client/src/api/xhr-transport';

let opened: Promise<Session> | null = null;

/** The session of this installation: the first call opens it, later calls get the same one until it is closed. */
export function openSession(): Promise<Session> {
  opened ??= open().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

async function open(): Promise<Session> {
  const session = await Session.open({
    database: await openDatabase(),
    credentials: credentialStore,
    transport: xhrTransport,
    defaultServerUrl,
    device: thisDevice(),
    watch: (sync) => {
      const unwatch = watchSurroundings(sync);
      return () => {
        unwatch();
        opened = null;
      };
    },
  });
  return session;
}

// Some systems offer no background tasks; the app then syncs only while it is open.
syncInBackground(openSession).catch(() => undefined);
