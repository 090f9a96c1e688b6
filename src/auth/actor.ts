import { createParamDecorator, Inject, Injectable, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import { AccountsRepository } from './accounts.repository.js';
import { OperatorToken } from './operator-token.js';

/** Who sends a request: a device of the account, or a job of the operator (`userId` and `deviceId` are null). */
export interface Actor {
  accountId: string;
  /** The person; this is the device id, because accounts are anonymous. */
  userId: string | null;
  deviceId: string | null;
  /** The device's name; null: a job. */
  name: string | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The account that the operator's job named. */
    operatorAccountId?: string;
  }
}

/** The header in which the operator's job names the account it works on. */
const ACCOUNT_HEADER = 'tidemark-account';
export const ALLOWS_OPERATOR = 'allowsOperator';

/** Marks routes that also accept the operator's token. */
export const AllowOperator = () => SetMetadata(ALLOWS_OPERATOR, true);

/** The actor behind the request. @throws AppError TOKEN_MISSING */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const { device, operatorAccountId } = context.switchToHttp().getRequest<FastifyRequest>();
  if (device) {
    const { accountId, deviceId, account } = device;
    return { accountId, userId: deviceId, deviceId, name: account.deviceName };
  }
  if (operatorAccountId !== undefined) {
    return { accountId: operatorAccountId, userId: null, deviceId: null, name: null };
  }
  throw new AppError('TOKEN_MISSING');
});

/** Checks the operator's token, and which account its request is about. */
@Injectable()
export class Operator {
  private readonly token: OperatorToken;

  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    @Inject(CONFIG) config: Config,
  ) {
    this.token = new OperatorToken(config.operatorToken);
  }

  /** Whether `token` is the operator's. */
  owns(token: string): boolean {
    return this.token.equals(token);
  }

  /** The account that the request names. @throws AppError BAD_REQUEST, NOT_FOUND */
  async accountOf({ headers }: FastifyRequest): Promise<string> {
    const accountId = headers[ACCOUNT_HEADER];
    if (typeof accountId !== 'string' || accountId === '') {
      throw new AppError('BAD_REQUEST', { detail: 'The header Tidemark-Account must name an account.' });
    }
    if (await this.accounts.exists(this.database, accountId)) return accountId;
    throw new AppError('NOT_FOUND', { detail: 'There is no such account.' });
  }
}
