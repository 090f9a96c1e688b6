import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
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
  @ApiPropertyOptional({
    maxLength: 100,
    description: 'How people call the device.',
    example: 'Kitchen phone',
  })
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(100)
  name?: string;

  @ApiPropertyOptional({ maxLength: 100, example: 'android' })
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(100)
  platform?: string;

  @ApiPropertyOptional({ maxLength: 64, description: 'Joins the account of the device that made the code.' })
  @IsOptional()
  @Cleaned()
  @IsString()
  @MaxLength(64)
  pairing_code?: string;
}

/** Body of `POST /auth/token`. */
export class RefreshBody {
  @ApiProperty({ maxLength: 512 })
  @IsString()
  @MaxLength(512)
  refresh_token!: string;
}

/** Body of `PATCH /auth/devices/{id}`. */
export class RenameDeviceBody {
  @ApiProperty({ minLength: 1, maxLength: 100 })
  @Cleaned()
  @IsString()
  @IsNotEmpty()
  @MaxLength(100)
  name!: string;
}

/** What a device needs to act for its account. */
export class CredentialsAnswer {
  @ApiProperty() account_id!: string;
  @ApiProperty() device_id!: string;
  @ApiProperty({ description: 'Send as "Authorization: Bearer …".' }) access_token!: string;
  @ApiProperty({ description: 'For POST /auth/token; each use brings a new one.' }) refresh_token!: string;
  @ApiProperty({ ...EPOCH_MS, description: 'When the access token expires, epoch ms.' }) expires_at!: number;
}

/** A pairing code and its end. */
export class PairingCodeAnswer {
  @ApiProperty({ example: 'K7MPQ2RX' }) code!: string;
  @ApiProperty({ ...EPOCH_MS, description: 'Epoch ms.' }) expires_at!: number;
}

/** A device as the people of its account see it. */
export class DeviceAnswer {
  @ApiProperty() device_id!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ type: String, nullable: true }) platform!: string | null;
  @ApiProperty({ ...EPOCH_MS, description: 'Epoch ms, at most a minute old.' }) last_seen_at!: number;
  @ApiProperty({ ...EPOCH_MS, nullable: true, description: 'Epoch ms; null: never.' }) last_pulled_at!:
    number | null;
  @ApiProperty({ description: 'Whether it is the device that asks.' }) is_current!: boolean;
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
