import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database, type Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import { AccessTokens } from './access-tokens.js';
import { AccountsRepository } from './accounts.repository.js';
import { DeviceActivity } from './device-activity.js';
import { DevicesRepository, type DeviceProfile } from './devices.repository.js';
import { hashPairingCode, newPairingCode, PAIRING_CODE_TTL_MS } from './pairing-code.js';
import { RateLimits } from './rate-limits.js';
import { RefreshTokens } from './refresh-tokens.js';

/** The ids and tokens of a device; the access token expires at `expiresAt` (epoch ms). */
export interface Credentials {
  accountId: string;
  deviceId: string;
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
}

interface Profile {
  name: string;
  platform: string | null;
}

/** Accounts, devices, pairing and tokens. */
@Injectable()
export class AuthService {
  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly devices: DevicesRepository,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly activity: DeviceActivity,
    private readonly rateLimits: RateLimits,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Registers a device: in the pairing code's account if there is a code, otherwise in a new account.
   * @throws AppError PAIRING_CODE_INVALID, RATE_LIMITED, QUOTA_EXCEEDED
   */
  async registerDevice(
    device: { name?: string; platform?: string; pairingCode?: string },
    network: string,
  ): Promise<Credentials> {
    const profile = { name: device.name || 'Unnamed device', platform: device.platform ?? null };
    if (device.pairingCode !== undefined) {
      return this.registerWithCode(profile, device.pairingCode, network);
    }
    await this.rateLimits.countAccount(network);
    return this.register(profile, (tx) => this.createAccount(tx));
  }

  /**
   * Exchanges a refresh token for a new pair.
   * @throws AppError TOKEN_INVALID; DEVICE_REVOKED when the device was revoked before, or is revoked now because an old
   *   token was used again
   */
  async refresh(refreshToken: string): Promise<Credentials> {
    const used = this.refreshTokens.parse(refreshToken);
    if (!used) throw new AppError('TOKEN_INVALID', { detail: 'This is no refresh token.' });
    const { accountId, deviceId } = used;
    const outcome = await this.database.transaction(async (tx) => {
      const state = await this.devices.lockRefresh(tx, accountId, deviceId);
      if (!state) return (await this.accounts.exists(tx, accountId)) ? 'revoked' : 'unknown';
      const rotated = this.refreshTokens.rotate(used, state);
      if (rotated === 'reused') await this.devices.remove(tx, accountId, deviceId);
      if (typeof rotated === 'object')
        await this.devices.updateRefresh(tx, accountId, deviceId, rotated.state);
      return rotated;
    });
    if (outcome === 'unknown')
      throw new AppError('TOKEN_INVALID', { detail: 'The refresh token is not known.' });
    if (outcome === 'revoked') throw new AppError('DEVICE_REVOKED');
    if (outcome === 'reused') {
      await this.events.publishAndWait('device.revoked', { accountId, deviceId });
      throw new AppError('DEVICE_REVOKED', {
        detail: 'An old refresh token was used again, so the device was revoked.',
      });
    }
    return this.credentials(accountId, deviceId, outcome.token);
  }

  /**
   * Creates a code with which one more device can join the account within 10 minutes; it ends with the device that made
   * it.
   * @throws AppError DEVICE_REVOKED when the device was revoked meanwhile
   */
  async createPairingCode(maker: {
    accountId: string;
    deviceId: string;
  }): Promise<{ code: string; expiresAt: number }> {
    const { isRaised } = await this.rateLimits.pairingAlert();
    const code = newPairingCode(isRaised);
    const now = this.now();
    const expiresAt = now + PAIRING_CODE_TTL_MS;
    const isStored = await this.database.transaction((tx) =>
      this.devices.createPairingCode(tx, hashPairingCode(code), maker, expiresAt, now),
    );
    if (!isStored) throw new AppError('DEVICE_REVOKED');
    return { code, expiresAt };
  }

  /** The account's devices, oldest first. */
  async listDevices(accountId: string): Promise<DeviceProfile[]> {
    const devices = await this.devices.list(accountId);
    return devices.map((device) => {
      const recent = this.activity.find(device.deviceId);
      if (!recent) return device;
      return { ...device, lastSeenAt: recent.seenAt, lastPulledAt: recent.pulledAt ?? device.lastPulledAt };
    });
  }

  /** Renames a device. @throws AppError NOT_FOUND */
  async renameDevice(accountId: string, deviceId: string, name: string): Promise<DeviceProfile> {
    const device = await this.database.transaction((tx) =>
      this.devices.rename(tx, accountId, deviceId, name),
    );
    if (!device) throw new AppError('NOT_FOUND', { detail: 'There is no such device.' });
    return device;
  }

  /** Removes a device; its tokens stop working immediately. @throws AppError NOT_FOUND */
  async revokeDevice(accountId: string, deviceId: string): Promise<void> {
    const isRemoved = await this.database.transaction((tx) => this.devices.remove(tx, accountId, deviceId));
    if (!isRemoved) throw new AppError('NOT_FOUND', { detail: 'There is no such device.' });
    await this.events.publishAndWait('device.revoked', { accountId, deviceId });
  }

  private async registerWithCode(profile: Profile, code: string, network: string): Promise<Credentials> {
    const credentials = await this.rateLimits.tryCode(network, () =>
      this.register(profile, async (tx) => {
        const codeHash = hashPairingCode(code);
        const accountId = await this.devices.findPairingCode(tx, codeHash, this.now());
        if (accountId === null) throw new AppError('PAIRING_CODE_INVALID');
        // Locks the account before the code: a push locks the account and then its device, whose removal locks the
        // device and then its codes.
        await this.checkRoom(tx, accountId);
        if (!(await this.devices.takePairingCode(tx, codeHash))) throw new AppError('PAIRING_CODE_INVALID');
        return accountId;
      }),
    );
    const { accountId, deviceId } = credentials;
    this.events.publish('device.joined', { accountId, deviceId, name: profile.name });
    return credentials;
  }

  /** @param join finds or creates the account, in the transaction that adds the device */
  private async register(profile: Profile, join: (tx: Transaction) => Promise<string>): Promise<Credentials> {
    const deviceId = randomId();
    const { accountId, refreshToken } = await this.database.transaction(async (tx) => {
      const accountId = await join(tx);
      const { token, state } = this.refreshTokens.first(accountId, deviceId);
      await this.devices.create(tx, accountId, { deviceId, ...profile }, state, this.now());
      return { accountId, refreshToken: token };
    });
    return this.credentials(accountId, deviceId, refreshToken);
  }

  private async createAccount(tx: Transaction): Promise<string> {
    const accountId = randomId();
    await this.accounts.create(tx, accountId, randomUUID(), this.now());
    return accountId;
  }

  /** @throws AppError QUOTA_EXCEEDED when the account may have no more devices */
  private async checkRoom(tx: Transaction, accountId: string): Promise<void> {
    await this.accounts.lock(tx, accountId); // otherwise devices that join at the same time would not count each other
    const limit = this.config.maxDevicesPerAccount;
    if (limit > 0 && (await this.devices.count(tx, accountId)) >= limit) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may have ${limit} devices.` });
    }
  }

  private credentials(accountId: string, deviceId: string, refreshToken: string): Credentials {
    const { token, expiresAt } = this.accessTokens.issue({ accountId, deviceId });
    return { accountId, deviceId, accessToken: token, refreshToken, expiresAt };
  }
}

/** 96 random bits as 16 characters. */
function randomId(): string {
  return randomBytes(12).toString('base64url');
}
