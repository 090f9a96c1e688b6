import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { LocksModule } from '../locks/locks.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { ContentBase } from './content/content-base.js';
import { ContentCommit } from './content/content-commit.js';
import { ContentImport } from './content/content-import.js';
import { ContentRenewal } from './content/content-renewal.js';
import { ContentService } from './content/content.service.js';
import { DocumentQuota } from './content/document-quota.js';
import { DiskTelemetry } from './content/disk-telemetry.js';
import { DocumentStatesRepository } from './document-states.repository.js';
import { DocumentsController } from './documents.controller.js';
import { DocumentsRepository } from './documents.repository.js';
import { DocumentsService } from './documents.service.js';
import { SqliteWorkers } from './import/sqlite-workers.js';
import { JournalRepository } from './content/journal.repository.js';
import { OpenCopies } from './content/open-copies.js';
import { DocumentKinds } from './kinds.js';
import { DocumentOwner } from './owner.js';
import { WorkingCopies } from './content/working-copies.js';

/** Documents, the SQLite databases that belong to videos: their state, their content, and who may write them. */
@Module({
  imports: [AuthModule, LocksModule, OperationsModule, StorageModule],
  controllers: [DocumentsController],
  providers: [
    ContentBase,
    ContentCommit,
    ContentImport,
    ContentRenewal,
    ContentService,
    DiskTelemetry,
    DocumentKinds,
    DocumentOwner,
    DocumentQuota,
    DocumentStatesRepository,
    DocumentsRepository,
    DocumentsService,
    JournalRepository,
    OpenCopies,
    SqliteWorkers,
    WorkingCopies,
  ],
  exports: [
    ContentRenewal,
    DocumentKinds,
    DocumentOwner,
    DocumentQuota,
    DocumentsRepository,
    JournalRepository,
    OpenCopies,
    SqliteWorkers,
    WorkingCopies,
  ],
})
export class DocumentsModule {}
