import {
  createParamDecorator,
  Injectable,
  SetMetadata,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../foundation/errors/app-error.js';
import { AccessTokens } from './access-tokens.js';
import { ALLOWS_OPERATOR, Operator } from './actor.js';
import { DeviceActivity } from './device-activity.js';
import { SessionsRepository, type Session } from './sessions.repository.js';

/** The device behind a request, with its account as it stood when the request came in. */
export interface Device {
  accountId: string;
  deviceId: string;
  account: Session;
}

declare module 'fastify' {
  interface FastifyRequest {
    device?: Device;
  }
}

const IS_PUBLIC = 'isPublic';

/** Marks a route that needs no token. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** The device behind the request. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  const { device } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!device) throw new AppError('TOKEN_MISSING');
  return device;
});

/**
 * Lets a request pass that carries a valid token of a device which still exists. That it exists is asked anew for each
 * request, together with its account, so that revoking works at once.
 */
@Injectable()
export class DeviceGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly sessions: SessionsRepository,
    private readonly activity: DeviceActivity,
    private readonly operator: Operator,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const marks = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, marks)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const token = bearerToken(request.headers.authorization);
    if (this.reflector.getAllAndOverride<boolean>(ALLOWS_OPERATOR, marks) && this.operator.owns(token)) {
      request.operatorAccountId = await this.operator.accountOf(request);
      return true;
    }
    const { accountId, deviceId } = await this.tokens.verify(token);
    const account = await this.sessions.find(accountId, deviceId);
    if (!account) throw new AppError('DEVICE_REVOKED');
    this.activity.noteSeen(accountId, deviceId);
    request.device = { accountId, deviceId, account };
    return true;
  }
}

/** @throws AppError TOKEN_MISSING */
export function bearerToken(header: string | undefined): string {
  const match = header === undefined ? null : /^Bearer ([^\s]+)$/i.exec(header);
  if (!match) throw new AppError('TOKEN_MISSING');
  return match[1]!;
}
