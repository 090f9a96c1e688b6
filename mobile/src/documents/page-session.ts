const KEY = 'tidemark_document_session';

/** Names this tab to the server as the holder of locks; the same again after a reload. */
export function pageSessionId(): string {
  try {
    const known = sessionStorage.getItem(KEY);
    if (known) return known;
    const made = newId();
    sessionStorage.setItem(KEY, made);
    return made;
  } catch {
    return newId(); // a browser that keeps nothing: a reload waits until the lock runs out
  }
}

function newId(): string {
  // Not randomUUID, which pages over plain HTTP do not have.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
