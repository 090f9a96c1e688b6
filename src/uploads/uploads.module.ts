import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DocumentsModule } from '../documents/documents.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { DownloadsController } from './downloads.controller.js';
import { DownloadsService } from './downloads.service.js';
import { UploadSchedule } from './upload-schedule.js';
import { UploadsRepository } from './uploads.repository.js';
import { UploadsService } from './uploads.service.js';
import { UploadsTelemetry } from './uploads-telemetry.js';
import { VersionsSweep } from './versions-sweep.js';

/** Brings documents to object storage, and gives them out from there. */
@Module({
  imports: [AuthModule, DocumentsModule, OperationsModule, StorageModule],
  controllers: [DownloadsController],
  providers: [
    DownloadsService,
    UploadSchedule,
    UploadsRepository,
    UploadsService,
    UploadsTelemetry,
    VersionsSweep,
  ],
  exports: [UploadSchedule, UploadsService],
})
export class UploadsModule {}
