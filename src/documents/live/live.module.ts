import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { LocksModule } from '../../locks/locks.module.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { DocumentsModule } from '../documents.module.js';
import { EnginePool } from './engine/engine-pool.js';
import { Gate } from './gate.js';
import { HandOver } from './hand-over.js';
import { LiveCopies } from './live-copies.js';
import { LiveHandshake } from './live-handshake.js';
import { LiveTelemetry } from './live-telemetry.js';
import { LiveGateway } from './live.gateway.js';
import { OpenDocuments } from './open-documents.js';

/** Documents that are edited live: their sockets, and their copies in the merging engine. No other module imports it. */
@Module({
  imports: [AuthModule, DocumentsModule, LocksModule, OperationsModule],
  providers: [
    EnginePool,
    Gate,
    HandOver,
    LiveCopies,
    LiveGateway,
    LiveHandshake,
    LiveTelemetry,
    OpenDocuments,
  ],
})
export class LiveModule {}
