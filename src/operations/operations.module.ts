import { Module } from '@nestjs/common';
import { EventsModule } from '../foundation/events/event-bus.js';
import { HealthDetails } from './health-details.js';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';
import { MetricsPort } from './metrics-port.js';
import { MonitorGuard } from './monitor.guard.js';
import { ReadinessChecks } from './readiness-checks.js';

/** Health, metrics and a clean shutdown. */
@Module({
  imports: [EventsModule],
  controllers: [HealthController, MetricsController],
  providers: [HealthDetails, Lifecycle, Metrics, MetricsPort, MonitorGuard, ReadinessChecks],
  exports: [HealthDetails, Lifecycle, Metrics, MetricsPort, ReadinessChecks],
})
export class OperationsModule {}
