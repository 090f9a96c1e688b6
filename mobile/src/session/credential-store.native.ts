import type { CredentialStore, Credentials } from '@tidemark/client';
import * as SecureStore from 'expo-secure-store';

const KEY = 'tidemark-credentials';

/** The credentials of this installation, in iOS's Keychain or Android's Keystore. */
export const credentialStore: CredentialStore = {
  async read() {
    const text = await SecureStore.getItemAsync(KEY);
    return text === null ? null : (JSON.parse(text) as Credentials);
  },
  async write(credentials) {
    // Readable once the phone has been unlocked after a restart, so that a background sync can read them.
    const options = { keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY };
    await SecureStore.setItemAsync(KEY, JSON.stringify(credentials), options);
  },
  async clear() {
    await SecureStore.deleteItemAsync(KEY);
  },
};
