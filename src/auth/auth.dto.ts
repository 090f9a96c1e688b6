import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { cleanText } from '../protocol/columns.js';
import type { Credentials } from './auth.service.js';
import type { DeviceProfile } from './devices.repository.js';

const EPOCH_MS = { type: 'integer', format: 'int64' } as const;

/** Removes characters that PostgreSQL cannot store and surrounding blanks; treats null as absent. */
const Cleaned = () =>
  Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? cleanText(value).trim() : (value ?? undefined),
  );

/** Body of `POST /auth/devices`. */
export class RegisterDeviceBody {
  /**
   * The device's name, shown to people.
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

  /** The new device joins the account of the device that created this code. */
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

/** The ids and tokens of a device. */
export class CredentialsAnswer {
  account_id!: string;
  device_id!: string;
  /** Send as "Authorization: Bearer …". */
  access_token!: string;
  /** Send to POST /auth/token; each use returns a new one. */
  refresh_token!: string;
  /** When the access token expires, epoch ms. */
  @ApiProperty(EPOCH_MS)
  expires_at!: number;
}

/** A pairing code and when it expires. */
export class PairingCodeAnswer {
  /**
   * 8 characters, or 12 while many wrong codes come in.
   * @example 'K7MPQ2RX'
   */
  code!: string;
  /** Epoch ms. */
  @ApiProperty(EPOCH_MS)
  expires_at!: number;
}

/** A device of the account. */
export class DeviceAnswer {
  device_id!: string;
  name!: string;
  platform!: string | null;
  /** Epoch ms; may lag by up to a minute. */
  @ApiProperty(EPOCH_MS)
  last_seen_at!: number;
  /** Epoch ms; null: never. */
  @ApiProperty({ ...EPOCH_MS, nullable: true })
  last_pulled_at!: number | null;
  /** Whether this is the device that sent the request. */
  is_current!: boolean;
}

/** Credentials on the wire. */
export function toCredentialsAnswer(credentials: Credentials): CredentialsAnswer {
  return {
    account_id: credentials.accountId,
    device_id: credentials.deviceId,
    access_token: credentials.accessToken,
    refresh_token: credentials.refreshToken,
    expires_at: credentials.expiresAt,
  };
}

/** A device on the wire. */
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
