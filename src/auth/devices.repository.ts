import { Injectable } from '@nestjs/common';
import { Database, type Connection, type Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';

/** A device as people see it; times are epoch ms. */
export interface DeviceProfile {
  deviceId: string;
  name: string;
  platform: string | null;
  lastSeenAt: number;
  /** Null: never pulled. */
  lastPulledAt: number | null;
}

/** What the server stores of a device's refresh tokens: hashes only. */
export interface RefreshState {
  /** Hash of the part that all tokens of the device share. */
  family: string;
  generation: number;
  /** Hashes of the newest generation's tokens; several if answers were lost, but only the first of many. */
  current: string[];
  /** Hash of the token that was exchanged for the newest generation; null: none yet. */
  previous: string | null;
}

interface RefreshRow {
  family: string;
  generation: number;
  current: string;
  previous: string | null;
}

const PROFILE = `id AS "deviceId", name AS "name", platform AS "platform", last_seen_at AS "lastSeenAt",
  last_pulled_at AS "lastPulledAt"`;

/** Devices, their refresh tokens and pairing codes. */
@Injectable()
export class DevicesRepository {
  constructor(private readonly database: Database) {}

  /** Adds a device; `now` is epoch ms. */
  async create(
    tx: Transaction,
    accountId: string,
    device: { deviceId: string; name: string; platform: string | null },
    refresh: RefreshState,
    now: number,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO devices (account_id, id, name, platform, created_at, last_seen_at, last_pulled_at,
         refresh_family, refresh_generation, refresh_current, refresh_previous)
       VALUES ($1, $2, $3, $4, $5, $5, NULL, $6, $7, $8, $9)`,
      [accountId, device.deviceId, device.name, device.platform, now, ...refreshValues(refresh)],
    );
  }

  /** How many devices the account has. */
  async count(connection: Connection, accountId: string): Promise<number> {
    const rows = await connection.query<{ n: number }>(
      'SELECT count(*) AS n FROM devices WHERE account_id = $1',
      [accountId],
    );
    return rows[0]?.n ?? 0;
  }

  /** The account's devices, oldest first. */
  list(accountId: string): Promise<DeviceProfile[]> {
    return this.database.query<DeviceProfile>(
      `SELECT ${PROFILE} FROM devices WHERE account_id = $1 ORDER BY created_at, id`,
      [accountId],
    );
  }

  /** @returns null when the account has no such device */
  async rename(
    tx: Transaction,
    accountId: string,
    deviceId: string,
    name: string,
  ): Promise<DeviceProfile | null> {
    const rows = await tx.query<DeviceProfile>(
      `UPDATE devices SET name = $3 WHERE account_id = $1 AND id = $2 RETURNING ${PROFILE}`,
      [accountId, deviceId, name],
    );
    return rows[0] ?? null;
  }

  /** Removes a device and the pairing codes it made. @returns whether the account had such a device */
  async remove(tx: Transaction, accountId: string, deviceId: string): Promise<boolean> {
    const key = [accountId, deviceId];
    const rows = await tx.query('DELETE FROM devices WHERE account_id = $1 AND id = $2 RETURNING id', key);
    // After the device: a code that it makes at this moment is either stored by now, or refused.
    await tx.query('DELETE FROM pairing_codes WHERE account_id = $1 AND device_id = $2', key);
    return rows.length > 0;
  }

  /**
   * Checks that a device was not revoked, and keeps it from being revoked until the transaction ends: what a device began
   * before its revocation is not committed after it.
   * @throws AppError DEVICE_REVOKED
   */
  async assertNotRevoked(tx: Transaction, accountId: string, deviceId: string): Promise<void> {
    // SQLite has only one writer at a time. A share lock: other work of the device goes on, only its removal waits.
    const suffix = tx.dialect === 'postgres' ? ' FOR KEY SHARE' : '';
    const rows = await tx.query(`SELECT 1 AS found FROM devices WHERE account_id = $1 AND id = $2${suffix}`, [
      accountId,
      deviceId,
    ]);
    if (rows.length === 0) throw new AppError('DEVICE_REVOKED');
  }

  /** Stores when a device was last seen and last pulled (epoch ms); a null `pulledAt` keeps the stored one. */
  async touch(
    tx: Transaction,
    accountId: string,
    deviceId: string,
    seenAt: number,
    pulledAt: number | null,
  ): Promise<void> {
    await tx.query(
      `UPDATE devices SET last_seen_at = $3, last_pulled_at = coalesce($4, last_pulled_at)
       WHERE account_id = $1 AND id = $2`,
      [accountId, deviceId, seenAt, pulledAt],
    );
  }

  /** Reads a device's refresh tokens and locks the row until the transaction ends; null: no such device. */
  async lockRefresh(tx: Transaction, accountId: string, deviceId: string): Promise<RefreshState | null> {
    // Weaker than FOR UPDATE: what keeps the device from being removed, such as its long push, is not waited for.
    const suffix = tx.dialect === 'postgres' ? ' FOR NO KEY UPDATE' : '';
    const [row] = await tx.query<RefreshRow>(
      `SELECT refresh_family AS "family", refresh_generation AS "generation", refresh_current AS "current",
         refresh_previous AS "previous"
       FROM devices WHERE account_id = $1 AND id = $2${suffix}`,
      [accountId, deviceId],
    );
    return row ? { ...row, current: JSON.parse(row.current) as string[] } : null;
  }

  /** Stores the state of a device's refresh tokens. */
  async updateRefresh(
    tx: Transaction,
    accountId: string,
    deviceId: string,
    refresh: RefreshState,
  ): Promise<void> {
    await tx.query(
      `UPDATE devices SET refresh_family = $3, refresh_generation = $4, refresh_current = $5, refresh_previous = $6
       WHERE account_id = $1 AND id = $2`,
      [accountId, deviceId, ...refreshValues(refresh)],
    );
  }

  /**
   * Stores a pairing code, and removes expired ones.
   * @param maker the device that the code ends with
   * @returns false, and stores nothing, when that device does not exist (any more)
   */
  async createPairingCode(
    tx: Transaction,
    codeHash: string,
    { accountId, deviceId }: { accountId: string; deviceId: string },
    expiresAt: number,
    now: number,
  ): Promise<boolean> {
    // Locked until the transaction ends, so that removing the device waits and then finds the code.
    if (!(await this.lockRefresh(tx, accountId, deviceId))) return false;
    await tx.query('DELETE FROM pairing_codes WHERE expires_at <= $1', [now]);
    await tx.query(
      'INSERT INTO pairing_codes (code_hash, account_id, device_id, expires_at) VALUES ($1, $2, $3, $4)',
      [codeHash, accountId, deviceId, expiresAt],
    );
    return true;
  }

  /** The account that a pairing code belongs to; null: unknown or expired. */
  async findPairingCode(tx: Transaction, codeHash: string, now: number): Promise<string | null> {
    const [row] = await tx.query<{ accountId: string }>(
      'SELECT account_id AS "accountId" FROM pairing_codes WHERE code_hash = $1 AND expires_at > $2',
      [codeHash, now],
    );
    return row?.accountId ?? null;
  }

  /** Uses up a pairing code. @returns false when it was used or removed meanwhile */
  async takePairingCode(tx: Transaction, codeHash: string): Promise<boolean> {
    const rows = await tx.query('DELETE FROM pairing_codes WHERE code_hash = $1 RETURNING code_hash', [
      codeHash,
    ]);
    return rows.length > 0;
  }
}

function refreshValues(refresh: RefreshState): [string, number, string, string | null] {
  return [refresh.family, refresh.generation, JSON.stringify(refresh.current), refresh.previous];
}
