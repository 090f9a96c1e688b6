import type { Tidemark } from '@tidemark/client';

/** Does nothing: browsers sync only while the page is open. */
export async function syncInBackground(_open: () => Promise<Tidemark>): Promise<void> {}
