import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DocumentsModule } from '../documents/documents.module.js';
import { LocksModule } from '../locks/locks.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { DownloadsController } from './downloads.controller.js';
import { DownloadsService } from './downloads.service.js';
import { UploadPipeline } from './upload-pipeline.js';
import { UploadSchedule } from './upload-schedule.js';
import { UploadsRepository } from './uploads.repository.js';
import { UploadsService } from './uploads.service.js';
import { UploadsTelemetry } from './uploads-telemetry.js';
import { VersionsSweep } from './versions-sweep.js';

/** Uploads documents to object storage, and lets clients download them from there. */
@Module({
  imports: [AuthModule, DocumentsModule, LocksModule, OperationsModule, StorageModule],
  controllers: [DownloadsController],
  providers: [
    DownloadsService,
    UploadPipeline,
    UploadSchedule,
    UploadsRepository,
    UploadsService,
    UploadsTelemetry,
    VersionsSweep,
  ],
  exports: [UploadSchedule, UploadsService],
})
export class UploadsModule {}
