import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { cleanText } from '../protocol/columns.js';
import type { Credentials } from './auth.service.js';
import type { DeviceProfile } from './devices.repository.js';

const EPOCH_MS = { type: 'integer', format: 'int64' } as const;

/** Removes what PostgreSQL cannot store, and blanks around; null is as good as absent. */
const Cleaned = () =>
  Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? cleanText(value).trim() : (value ?? undefined),
  );

/** Body of `POST /auth/devices`. */
export class RegisterDeviceBody {
  /**
   * How people call the device.
   * @example 'Kitchen phone'
   */
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(100)
  name?: string;

  /** @example 'android' */
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(100)
  platform?: string;

  /** Joins the account of the device that made the code. */
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(64)
  pairing_code?: string;
}

/** Body of `POST /auth/token`. */
export class RefreshBody {
  @IsString()
  @MaxLength(512)
  refresh_token!: string;
}

/** Body of `PATCH /auth/devices/{id}`. */
export class RenameDeviceBody {
  @ApiProperty({ minLength: 1 })
  @Cleaned()
  @IsString()
  @IsNotEmpty()
  @MaxLength(100)
  name!: string;
}

/** What a device needs to act for its account. */
export class CredentialsAnswer {
  account_id!: string;
  device_id!: string;
  /** Send as "Authorization: Bearer …". */
  access_token!: string;
  /** For POST /auth/token; each use brings a new one. */
  refresh_token!: string;
  /** When the access token expires, epoch ms. */
  @ApiProperty(EPOCH_MS)
  expires_at!: number;
}

/** A pairing code and its end. */
export class PairingCodeAnswer {
  /** @example 'K7MPQ2RX' */
  code!: string;
  /** Epoch ms. */
  @ApiProperty(EPOCH_MS)
  expires_at!: number;
}

/** A device as the people of its account see it. */
export class DeviceAnswer {
  device_id!: string;
  name!: string;
  platform!: string | null;
  /** Epoch ms, at most a minute old. */
  @ApiProperty(EPOCH_MS)
  last_seen_at!: number;
  /** Epoch ms; null: never. */
  @ApiProperty({ ...EPOCH_MS, nullable: true })
  last_pulled_at!: number | null;
  /** Whether it is the device that asks. */
  is_current!: boolean;
}

/** Names credentials as they travel. */
export function toCredentialsAnswer(credentials: Credentials): CredentialsAnswer {
  return {
    account_id: credentials.accountId,
    device_id: credentials.deviceId,
    access_token: credentials.accessToken,
    refresh_token: credentials.refreshToken,
    expires_at: credentials.expiresAt,
  };
}

/** Names a device as it travels. */
export function toDeviceAnswer(device: DeviceProfile, currentDeviceId: string): DeviceAnswer {
  return {
    device_id: device.deviceId,
    name: device.name,
    platform: device.platform,
    last_seen_at: device.lastSeenAt,
    last_pulled_at: device.lastPulledAt,
    is_current: device.deviceId === currentDeviceId,
  };
}
