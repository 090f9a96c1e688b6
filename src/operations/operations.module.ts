import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';

/** What operators need: health, and a clean end. */
@Module({ controllers: [HealthController], providers: [Lifecycle], exports: [Lifecycle] })
export class OperationsModule {}
