import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AuthModule } from './auth/auth.module.js';
import { ConfigModule, type Now } from './foundation/config/config.module.js';
import type { Config } from './foundation/config/config.js';
import { DatabaseModule } from './foundation/database/database.module.js';
import type { Database } from './foundation/database/database.js';
import { LiveModule } from './documents/live/live.module.js';
import { DocumentsModule } from './documents/documents.module.js';
import { EventsModule } from './foundation/events/event-bus.js';
import { LocksModule } from './locks/locks.module.js';
import { OperationsModule } from './operations/operations.module.js';
import type { Schema } from './protocol/schema.js';
import { RealtimeModule } from './realtime/realtime.module.js';
import { SharesRoutesModule } from './shares/shares.module.js';
import { StorageModule } from './storage/storage.module.js';
import { SyncModule } from './sync/sync.module.js';
import { UploadsModule } from './uploads/uploads.module.js';

/** The one list of modules. */
@Module({})
export class AppModule {
  /** Every module, with the settings and the open database. */
  static with(parts: { config: Config; now?: Now; database: Database; schema: Schema }): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(parts.config, parts.now),
        DatabaseModule.with(parts.database, parts.schema),
        EventsModule,
        ScheduleModule.forRoot(),
        OperationsModule,
        AuthModule,
        SyncModule,
        ...(parts.config.tables === null ? [SharesRoutesModule] : []),
        LocksModule,
        StorageModule,
        DocumentsModule,
        UploadsModule,
        LiveModule,
        RealtimeModule,
      ],
    };
  }
}
