import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { HistoryService } from './history.service.js';
import { ChangesReader } from './pull/changes.reader.js';
import { PullService } from './pull/pull.service.js';
import { SlowReaders } from './pull/slow-readers.js';
import { AdjustmentLog } from './push/adjustment-log.js';
import { RecordsRepository } from './records.repository.js';
import { RetentionService } from './retention.service.js';
import { SyncController } from './sync.controller.js';
import { PushService } from './push/push.service.js';
import { TombstonesRepository } from './tombstones.repository.js';

/** Pulling and pushing records. */
@Module({
  imports: [AuthModule, OperationsModule],
  controllers: [SyncController],
  providers: [
    AdjustmentLog,
    ChangesReader,
    HistoryService,
    PullService,
    RecordsRepository,
    RetentionService,
    PushService,
    SlowReaders,
    TombstonesRepository,
  ],
  exports: [HistoryService, RetentionService, PushService],
})
export class SyncModule {}
