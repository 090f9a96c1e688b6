/** Does nothing: on phones the app is installed. */
export function keepPage(): void {}
