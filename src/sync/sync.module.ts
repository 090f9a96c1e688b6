import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { ChangesReader } from './pull/changes.reader.js';
import { PullService } from './pull/pull.service.js';
import { SlowReaders } from './pull/slow-readers.js';
import { RecordsRepository } from './records.repository.js';
import { RetentionService } from './retention.service.js';
import { SyncController } from './sync.controller.js';
import { PushService } from './push/push.service.js';
import { TombstonesRepository } from './tombstones.repository.js';

/** Pulling and pushing records. */
@Module({
  imports: [AuthModule],
  controllers: [SyncController],
  providers: [
    ChangesReader,
    PullService,
    RecordsRepository,
    RetentionService,
    PushService,
    SlowReaders,
    TombstonesRepository,
  ],
  exports: [RetentionService, PushService],
})
export class SyncModule {}
