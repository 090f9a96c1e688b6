import type { Credentials, CredentialStore } from '../../client/src/api/credentials.js';
import type { TestDevice } from './device.js';

/** Lets a client use a device's tokens, and the device those that the client renews. */
export function deviceCredentials(device: TestDevice): CredentialStore {
  return {
    read: () => Promise.resolve(credentialsOf(device)),
    write: ({ accessToken, refreshToken }) =>
      Promise.resolve(void Object.assign(device, { accessToken, refreshToken })),
    clear: () => Promise.reject(new Error('A test device stays registered.')),
  };
}

function credentialsOf({ accountId, deviceId, accessToken, refreshToken }: TestDevice): Credentials {
  const payload = Buffer.from(accessToken.split('.')[1]!, 'base64url').toString();
  const { exp } = JSON.parse(payload) as { exp: number };
  return { accountId, deviceId, accessToken, refreshToken, expiresAt: exp * 1000 };
}
