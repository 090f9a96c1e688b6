import { Body, Controller, Get, Headers, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { type Push, SyncService } from './sync.service.js';

/** The two routes of a WatermelonDB backend. */
@Controller('sync')
export class SyncController {
  constructor(@Inject(SyncService) private readonly sync: SyncService) {}

  @Get('pull')
  async pull(@Headers('authorization') token: string, @Query('last_pulled_at') lastPulledAt?: string) {
    return this.sync.pull(await this.sync.authenticate(token), Number(lastPulledAt) || 0);
  }

  @Post('push')
  @HttpCode(200)
  async push(@Headers('authorization') token: string, @Body() body: Push) {
    return this.sync.push(await this.sync.authenticate(token), body);
  }
}
