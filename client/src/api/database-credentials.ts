import type { Database } from '@nozbe/watermelondb';
import type { Credentials, CredentialStore } from './credentials.js';

const KEY = 'tidemark_credentials';

/** Keeps the credentials in the database that they belong to, unencrypted. */
export function databaseCredentials({ localStorage }: Database): CredentialStore {
  return {
    read: async () => (await localStorage.get<Credentials>(KEY)) ?? null,
    write: (credentials) => localStorage.set(KEY, credentials),
    clear: () => localStorage.remove(KEY),
  };
}
