const KEY = 'tidemark_document_session';

/** The id by which the server knows this tab as a holder of locks; it survives a reload. */
export function pageSessionId(): string {
  try {
    const known = sessionStorage.getItem(KEY);
    if (known) return known;
    const made = newId();
    sessionStorage.setItem(KEY, made);
    return made;
  } catch {
    return newId(); // no session storage: after a reload the page must wait until its old lock expires
  }
}

function newId(): string {
  // Not randomUUID: browsers do not offer it to pages over plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
