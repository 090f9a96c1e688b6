import { Module } from '@nestjs/common';
import { LockExpiry } from './lock-expiry.js';
import { LocksRepository } from './locks.repository.js';
import { LocksService } from './locks.service.js';

/** Leases by which one session at a time may write a document. */
@Module({
  providers: [LockExpiry, LocksRepository, LocksService],
  exports: [LocksService],
})
export class LocksModule {}
