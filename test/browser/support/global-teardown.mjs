/** Stops what the set-up has started; Jest runs both in one process. */
export default async function globalTeardown() {
  await globalThis.stopSharedServer?.();
}
