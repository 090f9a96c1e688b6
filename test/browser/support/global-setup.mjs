import { tsImport } from 'tsx/esm/api';

/** Starts the server of this test run, and tells the workers where it is. */
export default async function globalSetup() {
  // Jest finds TypeScript behind '.js' in tests only, not in here; tsx does.
  const { Server, SHARED_SERVER_URL } = await tsImport('./server.ts', import.meta.url);
  const server = await Server.start();
  process.env[SHARED_SERVER_URL] = server.url;
  globalThis.stopSharedServer = () => server[Symbol.asyncDispose]();
}
