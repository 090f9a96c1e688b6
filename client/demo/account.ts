import { Api, fetchTransport, type Credentials, type CredentialStore } from '../src/index.js';

const KEY = 'tidemark_demo_account';
const LOCK = 'tidemark_demo_account';

/** Every tab of this browser is the same device of the same account, which is made when the page is first opened. */
const store: CredentialStore = {
  read: async () => JSON.parse(localStorage.getItem(KEY) ?? 'null') as Credentials | null,
  write: async (credentials) => localStorage.setItem(KEY, JSON.stringify(credentials)),
  clear: async () => localStorage.removeItem(KEY),
};

/** The requests of the demo's account. */
export class DemoAccount {
  readonly api = new Api(location.origin, store, fetchTransport);

  /** The token that was answered last. */
  private answered: string | null = null;

  /**
   * A token for a document's socket. Registers this browser first if it is new.
   * @param isRefused whether the server has refused the last one, as when this device's clock is behind
   * @throws SyncError
   */
  async token(isRefused = false): Promise<string> {
    return oneTabAtATime(async () => {
      const known = await store.read();
      if (!known) await this.register();
      else if (isRefused && known.accessToken === this.answered) await this.api.refresh(known);
      return (this.answered = (await this.api.freshCredentials()).accessToken);
    });
  }

  /** The account's id. Registers this browser first if it is new. @throws SyncError */
  async id(): Promise<string> {
    const known = await store.read();
    if (known) return known.accountId; // without asking the server, so that the page opens without a network
    await this.token();
    return (await store.read())!.accountId;
  }

  private async register(): Promise<void> {
    await store.write(await this.api.register({ name: deviceName(), platform: 'web' }));
  }
}

/** Of two tabs that register or renew at the same time, the second must see what the first has stored. */
function oneTabAtATime<T>(work: () => Promise<T>): Promise<T> {
  // Browsers offer locks only to pages over HTTPS or from this machine.
  return 'locks' in navigator ? navigator.locks.request(LOCK, work) : work();
}

function deviceName(): string {
  return /Mobi/.test(navigator.userAgent) ? 'Phone with the demo' : 'Computer with the demo';
}
