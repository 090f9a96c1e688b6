import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { OperatorToken } from '../auth/operator-token.js';
import type { Config } from '../foundation/config/config.js';
import { CONFIG } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';

/** Lets only the operator's monitors read figures: they tell how much is used, and what fails. */
@Injectable()
export class MonitorGuard implements CanActivate {
  private readonly operator: OperatorToken;

  /** @param config absent where operations run alone: nobody is the operator then */
  constructor(@Optional() @Inject(CONFIG) config?: Config) {
    this.operator = new OperatorToken(config?.operatorToken ?? null);
  }

  /** Whether the request carries OPERATOR_TOKEN. */
  admits({ headers }: FastifyRequest): boolean {
    return this.operator.equals(/^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
  }

  /** @throws AppError TOKEN_MISSING, TOKEN_INVALID */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (this.admits(request)) return true;
    const detail = 'Figures are for the operator: send OPERATOR_TOKEN, or read them at METRICS_PORT.';
    throw new AppError(request.headers.authorization === undefined ? 'TOKEN_MISSING' : 'TOKEN_INVALID', {
      detail,
    });
  }
}
