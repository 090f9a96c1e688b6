/** Why the server cannot start, in one line for the person at the terminal. */
export class AppStartError extends Error {
  override readonly name = 'AppStartError';
}
