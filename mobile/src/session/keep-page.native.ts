/** Phones have the app installed: there is no page to keep. */
export function keepPage(): void {}
