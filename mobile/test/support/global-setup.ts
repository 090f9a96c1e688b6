import { startSharedServer, type Server } from './server';

declare global {
  // Jest runs the set-up and the teardown in one process.
  var serverOfTestRun: Server | undefined;
}

/** Starts what the files of a test run share. */
export default async function globalSetup(): Promise<void> {
  globalThis.serverOfTestRun = await startSharedServer();
}
