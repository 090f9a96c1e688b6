import { Injectable } from '@nestjs/common';
import { Database } from '../foundation/database/database.js';
import { Lookup } from '../foundation/database/lookup.js';
import { ACCOUNT_STATE, type AccountState } from './accounts.repository.js';

/** A device's account and the device's name. */
export interface DeviceAccount extends AccountState {
  deviceName: string;
}

/** Reads the device and account behind each request. */
@Injectable()
export class DeviceAccountsRepository {
  private readonly accounts: Lookup<DeviceAccount>;

  constructor(database: Database) {
    this.accounts = new Lookup(
      database,
      2,
      (account, device) => `SELECT ${ACCOUNT_STATE}, d.name AS "deviceName"
        FROM devices d JOIN accounts a ON a.id = d.account_id WHERE d.account_id = ${account} AND d.id = ${device}`,
    );
  }

  /** What `find` would return, if it need not ask the database; undefined: it must. */
  recall(accountId: string, deviceId: string): DeviceAccount | null | undefined {
    return this.accounts.recall(accountId, deviceId);
  }

  /** Reads what is committed at the time of the call; null: the device does not exist (any more). */
  find(accountId: string, deviceId: string): Promise<DeviceAccount | null> {
    return this.accounts.find(accountId, deviceId);
  }
}
