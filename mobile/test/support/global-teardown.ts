/** Stops the shared server. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.serverOfTestRun?.[Symbol.asyncDispose]();
}
