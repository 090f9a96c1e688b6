import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  UsePipes,
  type PipeTransform,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { AppError } from '../foundation/errors/app-error.js';
import { validated } from '../foundation/errors/validation.js';
import { ID_PATTERN } from '../protocol/sync.js';
import {
  CredentialsAnswer,
  DeviceAnswer,
  PairingCodeAnswer,
  RefreshBody,
  RegisterDeviceBody,
  RenameDeviceBody,
  toCredentialsAnswer,
  toDeviceAnswer,
} from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { ClientNetwork } from './client-network.js';
import { CurrentDevice, Public, type Device } from './device.guard.js';

/** Answers NOT_FOUND to an id that no device can have, as to any unknown id. */
const knownAsId: PipeTransform<string, string> = {
  transform(id) {
    if (!ID_PATTERN.test(id)) throw new AppError('NOT_FOUND', { detail: 'There is no such device.' });
    return id;
  },
};

/** Routes of devices, pairing and tokens. */
@ApiTags('Devices')
@UsePipes(validated)
@Controller('auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  /** Registers this installation in a new account or, with a pairing code, in an existing one. */
  @Public()
  @Post('devices')
  @ApiCreatedResponse({ type: CredentialsAnswer })
  @ApiProblems(400, 403, 413, 415, 429)
  async register(
    @Body() body: RegisterDeviceBody,
    @ClientNetwork() network: string,
  ): Promise<CredentialsAnswer> {
    const { name, platform, pairing_code } = body;
    return toCredentialsAnswer(
      await this.auth.registerDevice({ name, platform, pairingCode: pairing_code }, network),
    );
  }

  /** Exchanges a refresh token for a new pair; the old refresh token works until the new one is used. */
  @Public()
  @Post('token')
  @HttpCode(200)
  @ApiOkResponse({ type: CredentialsAnswer })
  @ApiProblems(400, 401, 413, 415)
  async refresh(@Body() body: RefreshBody): Promise<CredentialsAnswer> {
    return toCredentialsAnswer(await this.auth.refresh(body.refresh_token));
  }

  /** Creates a code with which one more device can join this account; it works once, for 10 minutes, while this device exists. */
  @Post('pairing-codes')
  @ApiBearerAuth()
  @ApiCreatedResponse({ type: PairingCodeAnswer })
  @ApiProblems(400, 401, 413, 415)
  async createPairingCode(@CurrentDevice() device: Device): Promise<PairingCodeAnswer> {
    const { code, expiresAt } = await this.auth.createPairingCode(device);
    return { code, expires_at: expiresAt };
  }

  /** Lists the account's devices, oldest first. */
  @Get('devices')
  @ApiBearerAuth()
  @ApiOkResponse({ type: [DeviceAnswer] })
  @ApiProblems(401)
  async list(@CurrentDevice() device: Device): Promise<DeviceAnswer[]> {
    const devices = await this.auth.listDevices(device.accountId);
    return devices.map((one) => toDeviceAnswer(one, device.deviceId));
  }

  /** Renames a device of the account. */
  @Patch('devices/:id')
  @ApiBearerAuth()
  @ApiOkResponse({ type: DeviceAnswer })
  @ApiProblems(400, 401, 404, 413, 415)
  async rename(
    @CurrentDevice() device: Device,
    @Param('id', knownAsId) id: string,
    @Body() body: RenameDeviceBody,
  ): Promise<DeviceAnswer> {
    return toDeviceAnswer(await this.auth.renameDevice(device.accountId, id, body.name), device.deviceId);
  }

  /** Revokes a device of the account; its tokens stop working immediately. */
  @Delete('devices/:id')
  @HttpCode(204)
  @ApiBearerAuth()
  @ApiNoContentResponse()
  @ApiProblems(401, 404)
  async revoke(@CurrentDevice() device: Device, @Param('id', knownAsId) id: string): Promise<void> {
    await this.auth.revokeDevice(device.accountId, id);
  }
}
