import { Module } from '@nestjs/common';
import { HealthDetails } from './health-details.js';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';

/** What operators need: health, figures, and a clean end. */
@Module({
  controllers: [HealthController, MetricsController],
  providers: [HealthDetails, Lifecycle, Metrics],
  exports: [HealthDetails, Lifecycle, Metrics],
})
export class OperationsModule {}
