import { startSharedServer, type Server } from './server';

declare global {
  // A global works here because Jest runs setup and teardown in one process.
  var serverOfTestRun: Server | undefined;
}

/** Starts the server that all files of a test run share. */
export default async function globalSetup(): Promise<void> {
  globalThis.serverOfTestRun = await startSharedServer();
}
