import { Injectable } from '@nestjs/common';
import { Database } from '../foundation/database/database.js';
import { Lookup } from '../foundation/database/lookup.js';
import { ACCOUNT_STATE, type AccountState } from './accounts.repository.js';

/** A device's account, and what the device is called. */
export interface DeviceAccount extends AccountState {
  deviceName: string;
}

/** Reads, for every request, the device behind it with its account. */
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

  /** As committed when asked; null: there is no such device (any more). */
  find(accountId: string, deviceId: string): Promise<DeviceAccount | null> {
    return this.accounts.find(accountId, deviceId);
  }
}
