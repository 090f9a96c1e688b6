import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { AccessTokens } from './access-tokens.js';
import { Operator } from './actor.js';
import { AccountsRepository } from './accounts.repository.js';
import { CheckpointsRepository } from './checkpoints.repository.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { DeviceActivity } from './device-activity.js';
import { DeviceGuard } from './device.guard.js';
import { DevicesRepository } from './devices.repository.js';
import { RateLimits } from './rate-limits.js';
import { RateLimitsRepository } from './rate-limits.repository.js';
import { JwtStrategy } from './jwt.strategy.js';
import { DeviceAccountsRepository } from './device-accounts.repository.js';
import { SocketSessions } from './socket-session.js';

/** Accounts, devices and the guard of every route. */
@Module({
  imports: [JwtModule],
  controllers: [AuthController],
  providers: [
    AccessTokens,
    AccountsRepository,
    AuthService,
    CheckpointsRepository,
    DeviceActivity,
    DevicesRepository,
    JwtStrategy,
    Operator,
    RateLimits,
    RateLimitsRepository,
    DeviceAccountsRepository,
    SocketSessions,
    // Every route requires a token unless it is marked @Public().
    { provide: APP_GUARD, useClass: DeviceGuard },
  ],
  exports: [
    AccessTokens,
    AccountsRepository,
    CheckpointsRepository,
    DeviceActivity,
    DevicesRepository,
    SocketSessions,
  ],
})
export class AuthModule {}
