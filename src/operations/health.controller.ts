import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../auth/device.guard.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { AppError } from '../foundation/errors/app-error.js';
import { HealthDetails, type HealthStatus } from './health-details.js';
import { MonitorGuard } from './monitor.guard.js';
import { Lifecycle } from './lifecycle.js';
import { ReadinessChecks } from './readiness-checks.js';

/** Answer of the health routes. */
export class HealthAnswer {
  @ApiProperty({ enum: ['ok'] }) status!: 'ok';
}

/** Routes for load balancers and monitors; they need no token. */
@ApiTags('Health')
@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly details: HealthDetails,
    private readonly readiness: ReadinessChecks,
    private readonly monitors: MonitorGuard,
  ) {}

  /** Returns whether all parts work, and to the operator their figures; `degraded` still serves every request. */
  @Get()
  @Header('cache-control', 'no-store')
  @ApiOkResponse({
    description: '`degraded`: requests are served, but something needs the operator.',
    schema: {
      type: 'object',
      required: ['status'],
      properties: { status: { type: 'string', enum: ['ok', 'degraded'] } },
      additionalProperties: {
        type: 'object',
        description:
          'Figures of one part, such as `uploads`, or its `failure`; only with OPERATOR_TOKEN, or at METRICS_PORT.',
      },
    },
  })
  @ApiProblems(400)
  async detailed(@Req() request: FastifyRequest): Promise<{ status: HealthStatus; [part: string]: unknown }> {
    return this.monitors.admits(request) ? this.details.answer() : { status: await this.details.status() };
  }

  /** Answers while the process runs; if there is no answer, restart it. */
  @Get('live')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: HealthAnswer })
  @ApiProblems(400)
  live(): HealthAnswer {
    return { status: 'ok' };
  }

  /** Says whether this server can take requests: its required parts work and it is not shutting down. */
  @Get('ready')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: HealthAnswer })
  @ApiProblems(400)
  async ready(): Promise<HealthAnswer> {
    if (this.lifecycle.isDraining) throw new AppError('SHUTTING_DOWN', { retry_after: 5 });
    await this.readiness.run();
    return { status: 'ok' };
  }
}
