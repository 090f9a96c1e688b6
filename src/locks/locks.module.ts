import { Module } from '@nestjs/common';
import { LockExpiry } from './lock-expiry.js';
import { LocksOfRevoked } from './locks-of-revoked.js';
import { LocksRepository } from './locks.repository.js';
import { LocksService } from './locks.service.js';

/** Leases by which one session at a time may write a document. */
@Module({
  providers: [LockExpiry, LocksOfRevoked, LocksRepository, LocksService],
  exports: [LocksService],
})
export class LocksModule {}
