import { createHash, timingSafeEqual } from 'node:crypto';
import { createParamDecorator, Inject, Injectable, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import { AccountsRepository } from './accounts.repository.js';

/** Whoever acts on an account: one of its devices, or a job of the operator's (both ids null). */
export interface Actor {
  accountId: string;
  /** The person: the device itself, as accounts are anonymous. */
  userId: string | null;
  deviceId: string | null;
  /** What the device is called; null: a job has no name. */
  name: string | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The account that the operator's job works on. */
    operatorAccountId?: string;
  }
}

/** The header in which the operator's job names the account. */
export const ACCOUNT_HEADER = 'tidemark-account';
export const ALLOWS_OPERATOR = 'allowsOperator';

/** Marks routes that also take the operator's token. */
export const AllowOperator = () => SetMetadata(ALLOWS_OPERATOR, true);

/** Whoever the request acts for. */
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

/** Knows the operator's token. */
@Injectable()
export class Operator {
  private readonly secret: Buffer | null;

  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    @Inject(CONFIG) config: Config,
  ) {
    this.secret = config.operatorToken === null ? null : digest(config.operatorToken);
  }

  /** Whether this is the operator's token. */
  owns(token: string): boolean {
    return this.secret !== null && timingSafeEqual(this.secret, digest(token));
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

/** Texts of any length compare in constant time by their hashes. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
