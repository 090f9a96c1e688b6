import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/device.guard.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { Metrics } from './metrics.js';

/** The route for monitors; it needs no token. */
@ApiTags('Health')
@Public()
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
  @ApiProblems(400)
  async text(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.text();
  }
}
