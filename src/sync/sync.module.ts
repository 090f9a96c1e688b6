import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AccountSnapshots } from './account-snapshots.js';
import { ChangesReader } from './changes.reader.js';
import { PullService } from './pull.service.js';
import { RecordsRepository } from './records.repository.js';
import { RetentionService } from './retention.service.js';
import { SyncController } from './sync.controller.js';
import { SyncService } from './sync.service.js';
import { TombstonesRepository } from './tombstones.repository.js';

/** Pulling and pushing records. */
@Module({
  imports: [AuthModule],
  controllers: [SyncController],
  providers: [
    AccountSnapshots,
    ChangesReader,
    PullService,
    RecordsRepository,
    RetentionService,
    SyncService,
    TombstonesRepository,
  ],
  exports: [AccountSnapshots, RetentionService, SyncService],
})
export class SyncModule {}
