import { runInThisContext } from 'node:vm';
import { startApp, type AppOptions, type DatabaseName, type TestApp } from './app.js';

/** A server's clock that a test sets, in epoch milliseconds. */
export class TestClock {
  constructor(public ms = 1_800_000_000_000) {}

  readonly now = (): number => this.ms;
}

/**
 * Makes libraries that read the system's clock use this one too, until `jest.restoreAllMocks()`. The server runs in
 * Node's own realm, which has another Date than a test.
 */
export function moveDate(clock: TestClock): void {
  const { Date: nodeDate } = runInThisContext('globalThis') as { Date: DateConstructor };
  jest.spyOn(nodeDate, 'now').mockImplementation(clock.now);
}

/**
 * One server for all tests of a describe block. Each test uses an account of its own, so that tests do not affect each
 * other; a test that moves the clock or uses up a limit starts its own server with `startApp`.
 */
export function shareApp(database: DatabaseName, options?: AppOptions): () => TestApp {
  let app: TestApp | undefined;
  beforeAll(async () => {
    app = await startApp(database, options);
  });
  afterAll(async () => {
    await app?.close();
  });
  return () => {
    if (app === undefined) throw new Error('The shared server is there only while tests run.');
    return app;
  };
}
