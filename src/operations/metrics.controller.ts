import { Controller, Get, Header, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/device.guard.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { Metrics } from './metrics.js';
import { MonitorGuard } from './monitor.guard.js';

/** The route for the operator’s monitors; METRICS_PORT serves the same without a token. */
@ApiTags('Health')
@Public()
@UseGuards(MonitorGuard)
@ApiBearerAuth()
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  /** Returns the metrics in Prometheus’ text format. */
  @Get()
  @Header('cache-control', 'no-store')
  @ApiOkResponse({
    description: 'Figures in Prometheus’ text format.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  })
  @ApiProblems(400, 401)
  async text(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.text();
  }
}
