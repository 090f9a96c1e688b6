import { Module } from '@nestjs/common';
import { CONFIG, NOW } from '../foundation/config/config.module.js';
import { openStorage } from './open.js';
import { StorageController } from './storage.controller.js';
import { ObjectStorage } from './storage.js';

/** Object storage with the driver that STORAGE_URL selects. */
@Module({
  controllers: [StorageController],
  providers: [{ provide: ObjectStorage, inject: [CONFIG, NOW], useFactory: openStorage }],
  exports: [ObjectStorage],
})
export class StorageModule {}
