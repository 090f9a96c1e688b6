import type { Session } from './session';

/** Browsers sync while the page is open, and only then. */
export async function syncInBackground(_open: () => Promise<Session>): Promise<void> {}
