import { randomId } from '@tidemark/client';
import { Platform } from 'react-native';

const KEY = 'tidemark_document_session';

/** The id of this page; null: none was kept for it, and none is made yet. */
let mine: string | null = null;

/** The id by which the server knows this tab as a holder of locks; it survives a reload. */
export function pageSessionId(): string {
  return (mine ??= `page-${randomId()}`);
}

// The id is in the session storage only from the end of one page to the beginning of the next. A duplicated tab gets a copy
// of the storage while the first tab lives, and must not get its id: both would write as the holder of one lock. After a
// crash nothing was kept, so the page must wait until its old lock expires.
function take(): void {
  mine ??= sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
}

function keep(): void {
  if (mine !== null) sessionStorage.setItem(KEY, mine);
}

/** Runs `work` where there is a session storage; some private windows refuse it. */
function tried(work: () => void): () => void {
  return () => {
    try {
      work();
    } catch {
      // After a reload the page must wait until its old lock expires.
    }
  };
}

if (Platform.OS === 'web') {
  tried(take)();
  window.addEventListener('pagehide', tried(keep));
  // Back from the cache of pages: this one lives on with its id.
  window.addEventListener('pageshow', tried(take));
}
