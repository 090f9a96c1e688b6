import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentDevice, type Device } from '../auth/device.guard.js';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import { hasLongList, JSON_TYPE, jsonStream } from '../foundation/http/json-pieces.js';
import { LargeBody } from '../foundation/http/large-bodies.js';
import { describeTables } from '../protocol/described-tables.js';
import type { Schema } from '../protocol/schema.js';
import type { PushAnswer } from '../protocol/sync.js';
import { PROTOCOL_VERSION } from '../protocol/version.js';
import { PullService } from './pull/pull.service.js';
import { sendPull } from './pull/pull.response.js';
import { readClientState, readPullRequest, readPushRequest } from './requests.js';
import { ApiMeta, ApiPull, ApiPush, ApiStatus } from './sync.api.js';
import { MetaAnswer, StatusAnswer } from './sync.dto.js';
import { PushService } from './push/push.service.js';

/** Routes of record sync. */
@ApiTags('Sync')
@ApiBearerAuth()
@Controller('sync')
export class SyncController {
  constructor(
    private readonly pulls: PullService,
    private readonly pushes: PushService,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Returns what changed since the last pull. */
  @Get('pull')
  @ApiPull()
  async pull(
    @CurrentDevice() device: Device,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const answer = await this.pulls.pull(device, readPullRequest(query), () => reply.raw.destroy());
    await sendPull(request, reply, answer, this.config.pullStallSeconds * 1_000);
  }

  /** Applies a device's offline changes, all or nothing. */
  @Post('push')
  @HttpCode(200)
  @LargeBody()
  @ApiPush()
  async push(
    @CurrentDevice() device: Device,
    @Query() query: Record<string, unknown>,
    @Body() body: unknown,
  ): Promise<PushAnswer | StreamableFile> {
    const answer = await this.pushes.pushAs(device, readPushRequest(query, body));
    return hasLongList(answer) ? new StreamableFile(jsonStream(answer), { type: JSON_TYPE }) : answer;
  }

  /** Returns the account’s history, the server’s schema and protocol versions, and the declared tables. */
  @Get('meta')
  @ApiMeta()
  meta(@CurrentDevice() device: Device): MetaAnswer {
    return {
      history_id: device.account.historyId,
      schema_version: this.schema.version,
      protocol_version: PROTOCOL_VERSION,
      tables: Object.keys(this.schema.tables),
      declaration: describeTables(this.schema),
    };
  }

  /** Says whether a pull would return anything, without reading records. */
  @Get('status')
  @ApiStatus()
  async status(
    @CurrentDevice() device: Device,
    @Query() query: Record<string, unknown>,
  ): Promise<StatusAnswer> {
    const { isUpToDate, timestamp } = await this.pulls.status(device, readClientState(query));
    return {
      up_to_date: isUpToDate,
      timestamp,
      history_id: device.account.historyId,
      schema_version: this.schema.version,
    };
  }
}
