import { createParamDecorator, Injectable, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../foundation/errors/app-error.js';
import { AccessTokens, type CheckedToken } from './access-tokens.js';
import { ALLOWS_OPERATOR, Operator } from './actor.js';
import { DeviceActivity } from './device-activity.js';
import { JwtStrategy } from './jwt.strategy.js';
import { DeviceAccountsRepository, type DeviceAccount } from './device-accounts.repository.js';

/** The device behind a request, with its account as it was when the request arrived. */
export interface Device {
  accountId: string;
  deviceId: string;
  account: DeviceAccount;
}

declare module 'fastify' {
  interface FastifyRequest {
    device?: Device;
    /** Set by Passport. */
    user?: CheckedToken;
  }
}

const IS_PUBLIC = 'isPublic';

/** Marks a route that needs no token. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** The device behind the request. @throws AppError TOKEN_MISSING */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  const { device } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!device) throw new AppError('TOKEN_MISSING');
  return device;
});

/**
 * Lets a request pass if it carries a valid token of a device that still exists. A token is verified once and then
 * remembered. The device is looked up with its account at every request, so revoking takes effect immediately.
 */
@Injectable()
export class DeviceGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly strategy: JwtStrategy,
    private readonly accounts: DeviceAccountsRepository,
    private readonly activity: DeviceActivity,
    private readonly operator: Operator,
  ) {
    super();
  }

  /** Answers without a promise while the token and the device are known, so that most requests wait for nothing here. */
  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const marks = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, marks)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const token = bearerToken(request.headers.authorization);
    if (this.reflector.getAllAndOverride<boolean>(ALLOWS_OPERATOR, marks) && this.operator.owns(token)) {
      return this.admitOperator(request);
    }
    const checked = this.tokens.recall(token);
    const account = checked && this.accounts.recall(checked.accountId, checked.deviceId);
    return account ? this.admit(request, checked, account) : this.ask(request, token, context);
  }

  /** Passport calls this right before it looks up the strategy named `jwt`. */
  override getRequest(context: ExecutionContext): FastifyRequest {
    this.strategy.select();
    return context.switchToHttp().getRequest<FastifyRequest>();
  }

  /** Returns the token that the strategy verified, or throws why not. @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  override handleRequest<T>(error: Error | null, token: T | false, refusal: unknown): T {
    if (error) throw error;
    if (token) return token;
    throw refusal instanceof AppError ? refusal : new AppError('TOKEN_INVALID', {}, { cause: refusal });
  }

  /** Asks Passport about a token that is not remembered, and the database about the device. */
  private async ask(request: FastifyRequest, token: string, context: ExecutionContext): Promise<boolean> {
    const checked = this.tokens.recall(token) ?? (await this.verify(token, context));
    const account = await this.accounts.find(checked.accountId, checked.deviceId);
    if (!account) throw new AppError('DEVICE_REVOKED');
    return this.admit(request, checked, account);
  }

  private admit(
    request: FastifyRequest,
    { accountId, deviceId }: CheckedToken,
    account: DeviceAccount,
  ): boolean {
    this.activity.noteSeen(accountId, deviceId);
    request.device = { accountId, deviceId, account };
    return true;
  }

  private async admitOperator(request: FastifyRequest): Promise<boolean> {
    request.operatorAccountId = await this.operator.accountOf(request);
    return true;
  }

  private async verify(token: string, context: ExecutionContext): Promise<CheckedToken> {
    await super.canActivate(context);
    const checked = this.getRequest(context).user!;
    this.tokens.remember(token, checked);
    return checked;
  }
}

/** The token in an `Authorization: Bearer …` header. @throws AppError TOKEN_MISSING */
export function bearerToken(header: string | undefined): string {
  const match = header === undefined ? null : /^Bearer ([^\s]+)$/i.exec(header);
  if (!match) throw new AppError('TOKEN_MISSING');
  return match[1]!;
}
