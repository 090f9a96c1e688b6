import { Platform } from 'react-native';

/**
 * Whether this page shows documents alone. A server with own tables serves it at `/documents`, as it has no games; other
 * servers serve it at `/`.
 */
export const isDocumentsOnly = Platform.OS === 'web' && window.location.pathname === '/documents';

/** Leaves a page of documents alone for the server's own page. */
export function leaveDocuments(): void {
  window.location.assign('/');
}
