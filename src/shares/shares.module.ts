import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { SyncModule } from '../sync/sync.module.js';
import { ScoreboardReader } from './scoreboard.reader.js';
import { SharesController } from './shares.controller.js';
import { SharesRepository } from './shares.repository.js';
import { SharesService } from './shares.service.js';

/** Links with which people without an account watch one game. */
@Module({
  imports: [AuthModule, SyncModule],
  providers: [ScoreboardReader, SharesRepository, SharesService],
  exports: [ScoreboardReader, SharesRepository, SharesService],
})
export class SharesModule {}

/** The routes that make, list and withdraw links; a server with own tables has no games to link to, and none of them. */
@Module({ imports: [AuthModule, SharesModule], controllers: [SharesController] })
export class SharesRoutesModule {}
