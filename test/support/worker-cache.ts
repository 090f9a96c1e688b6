/**
 * Shared by the test files of a Jest worker (see environment.mjs; elsewhere one per process). It may hold texts, and
 * objects that dependencies made of them; an object of a test file would outlive the globals it needs.
 */
export const workerCache =
  (globalThis as { workerCache?: Map<string, unknown> }).workerCache ?? new Map<string, unknown>();
