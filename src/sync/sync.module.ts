import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AccountSnapshots } from './pull/account-snapshots.js';
import { ChangesReader } from './pull/changes.reader.js';
import { PullService } from './pull/pull.service.js';
import { HistoryService } from './history.service.js';
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
    AccountSnapshots,
    ChangesReader,
    HistoryService,
    PullService,
    RecordsRepository,
    RetentionService,
    PushService,
    TombstonesRepository,
  ],
  exports: [AccountSnapshots, HistoryService, RetentionService, PushService],
})
export class SyncModule {}
