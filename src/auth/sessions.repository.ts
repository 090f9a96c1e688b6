import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { ACCOUNT_STATE, type AccountState } from './accounts.repository.js';

interface Asked {
  accountId: string;
  deviceId: string;
  answers: ((state: AccountState | null) => void)[];
  failures: ((error: unknown) => void)[];
}

/**
 * Reads a device's account for every request: nothing is remembered that could have changed, yet what is asked for
 * at the same time is read at once.
 */
@Injectable()
export class SessionsRepository {
  /** What was read since the last commit, where this process makes all commits (SQLite). */
  private known = new Map<string, AccountState | null>();
  private knownAt = -1;
  /** What waits for the statement under way to return (PostgreSQL). */
  private waiting = new Map<string, Asked>();
  private isReading = false;

  constructor(private readonly database: Database) {}

  /** The account of a device, as committed when asked; null: there is no such device (any more). */
  async find(accountId: string, deviceId: string): Promise<AccountState | null> {
    const key = `${accountId}/${deviceId}`;
    const { commits } = this.database;
    if (commits === null) return this.ask(key, accountId, deviceId);
    if (commits !== this.knownAt) {
      this.known.clear();
      this.knownAt = commits;
    }
    let state = this.known.get(key);
    if (state === undefined) {
      [state = null] = await this.database.query<AccountState>(
        `SELECT ${ACCOUNT_STATE} FROM devices d JOIN accounts a ON a.id = d.account_id
         WHERE d.account_id = $1 AND d.id = $2`,
        [accountId, deviceId],
      );
      if (this.knownAt === commits && this.database.commits === commits) this.known.set(key, state);
    }
    return state;
  }

  private ask(key: string, accountId: string, deviceId: string): Promise<AccountState | null> {
    return new Promise((resolve, reject) => {
      const asked = this.waiting.get(key) ?? { accountId, deviceId, answers: [], failures: [] };
      asked.answers.push(resolve);
      asked.failures.push(reject);
      this.waiting.set(key, asked);
      if (this.isReading) return;
      this.isReading = true;
      // Not at once: more requests may have arrived in the same turn of the event loop.
      setImmediate(() => void this.readWaiting());
    });
  }

  private async readWaiting(): Promise<void> {
    while (this.waiting.size > 0) {
      const batch = this.waiting;
      this.waiting = new Map();
      try {
        const states = await this.readMany([...batch.values()]);
        for (const [key, { answers }] of batch) for (const answer of answers) answer(states.get(key) ?? null);
      } catch (error) {
        for (const { failures } of batch.values()) for (const fail of failures) fail(error);
      }
    }
    this.isReading = false;
  }

  private async readMany(asked: Asked[]): Promise<Map<string, AccountState>> {
    const keys = asked.map(({ accountId, deviceId }) => ({ account_id: accountId, device_id: deviceId }));
    // The lateral LIMIT makes the planner go by the primary keys, whatever it believes of the tables' sizes.
    const rows = await this.database.query<AccountState & { key: string }>(
      `SELECT k.account_id || '/' || k.device_id AS "key", s.*
       FROM json_to_recordset($1::json) AS k (account_id text, device_id text)
       CROSS JOIN LATERAL (
         SELECT ${ACCOUNT_STATE} FROM devices d JOIN accounts a ON a.id = d.account_id
         WHERE d.account_id = k.account_id AND d.id = k.device_id LIMIT 1) AS s`,
      [JSON.stringify(keys)],
    );
    return new Map(rows.map(({ key, ...state }) => [key, state]));
  }
}
