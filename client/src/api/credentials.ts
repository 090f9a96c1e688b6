/** The tokens of this device, and whose they are. */
export interface Credentials {
  accountId: string;
  deviceId: string;
  accessToken: string;
  refreshToken: string;
  /** When the access token expires by the server's clock, epoch ms. */
  expiresAt: number;
}

/** Stores the credentials between runs of the app. */
export interface CredentialStore {
  read(): Promise<Credentials | null>;
  write(credentials: Credentials): Promise<void>;
  clear(): Promise<void>;
}
