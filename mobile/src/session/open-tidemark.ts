import { Tidemark } from '@tidemark/client';
import { parents } from '../database/schema';
import { openDatabase } from '../database/open';
import { describeRowsOf } from '../games/describe-row';
import { syncInBackground } from './background-sync';
import { credentialStore } from './credential-store';
import { watchSurroundings } from './surroundings';
import { synchronize } from './synchronize';
import { defaultServerUrl, thisDevice } from './this-device';

let opened: Promise<Tidemark> | null = null;
let unwatch = (): void => undefined;

/** This installation's client, which syncs from now on. It is opened once, until it is closed. */
export function openTidemark(): Promise<Tidemark> {
  opened ??= open().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

/** Ends all syncing and writing; another tab may then open the database. */
export async function closeTidemark(): Promise<void> {
  const closing = opened;
  opened = null;
  unwatch();
  await (await closing?.catch(() => null))?.close();
}

async function open(): Promise<Tidemark> {
  const database = await openDatabase();
  const tidemark = await Tidemark.open({
    database,
    synchronize,
    serverUrl: defaultServerUrl,
    device: thisDevice(),
    parents,
    credentials: credentialStore,
    describe: describeRowsOf(database),
  });
  unwatch = watchSurroundings(tidemark);
  tidemark.start();
  return tidemark;
}

// Some systems offer no background tasks; the app then syncs only while it is open.
syncInBackground(openTidemark).catch(() => undefined);
