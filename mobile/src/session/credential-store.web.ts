import type { CredentialStore, Credentials } from '@tidemark/client';

const KEY = 'tidemark-credentials';

/** The credentials of this browser, in `localStorage`. */
export const credentialStore: CredentialStore = {
  async read() {
    const text = localStorage.getItem(KEY);
    return text === null ? null : (JSON.parse(text) as Credentials);
  },
  async write(credentials) {
    localStorage.setItem(KEY, JSON.stringify(credentials));
  },
  async clear() {
    localStorage.removeItem(KEY);
  },
};
