import type { Credentials, CredentialStore } from './credentials.js';
import { Cell, type Observable } from '../light/observable.js';

/** The account and the device of this installation. */
export interface Account {
  accountId: string;
  deviceId: string;
}

/** A credential store that also publishes which account and device the credentials belong to. */
export class AccountCredentials implements CredentialStore {
  private readonly cell = new Cell<Account | null>(null);

  private constructor(private readonly store: CredentialStore) {}

  static async open(store: CredentialStore): Promise<AccountCredentials> {
    const credentials = new AccountCredentials(store);
    credentials.tell(await store.read());
    return credentials;
  }

  /** Null: not registered. */
  get account(): Observable<Account | null> {
    return this.cell;
  }

  read(): Promise<Credentials | null> {
    return this.store.read();
  }

  async write(credentials: Credentials): Promise<void> {
    await this.store.write(credentials);
    this.tell(credentials);
  }

  async clear(): Promise<void> {
    await this.store.clear();
    this.tell(null);
  }

  private tell(credentials: Credentials | null): void {
    const known = this.cell.get();
    if (known?.deviceId === credentials?.deviceId && known?.accountId === credentials?.accountId) return;
    this.cell.set(credentials && { accountId: credentials.accountId, deviceId: credentials.deviceId });
  }
}
