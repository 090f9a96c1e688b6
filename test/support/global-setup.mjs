import { tsImport } from 'tsx/esm/api';
import { ensureBuilt } from '../../scripts/setup.mjs';

/** Compiles the server if its sources have changed, starts the PostgreSQL of this test run, and tells the workers where it is. */
export default async function globalSetup() {
  await ensureBuilt();
  // Jest finds TypeScript behind '.js' in tests only, not in here; tsx does.
  const { startPostgres } = await tsImport('./postgres.ts', import.meta.url);
  const { POSTGRES_SOCKET_DIR } = await tsImport('./storage.ts', import.meta.url);
  const postgres = await startPostgres();
  process.env[POSTGRES_SOCKET_DIR] = postgres.socketDir;
  globalThis.stopTestPostgres = () => postgres.stop();
}
