/**
 * What several test files of a Jest worker share (environment.mjs makes it; elsewhere the process has one). It holds texts
 * and what dependencies have made of them; an object of a test file's own would outlive the globals it needs.
 */
export const workerCache =
  (globalThis as { workerCache?: Map<string, unknown> }).workerCache ?? new Map<string, unknown>();
