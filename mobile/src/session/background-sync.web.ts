import type { Session } from '../../../client/src/tidemark';

/** Does nothing: browsers sync only while the page is open. */
export async function syncInBackground(_open: () => Promise<Session>): Promise<void> {}
