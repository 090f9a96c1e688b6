import { Controller, Delete, Get, HttpCode, Param, Post, Req, type PipeTransform } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { CurrentDevice, type Device } from '../auth/device.guard.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { AppError } from '../foundation/errors/app-error.js';
import { originOf } from '../foundation/http/origin.js';
import { ID_PATTERN } from '../protocol/sync.js';
import { NewShareAnswer, ShareAnswer, toShareAnswer } from './shares.dto.js';
import { SharesService } from './shares.service.js';

/** Answers NOT_FOUND for an id that no record can have. */
const knownAsId: PipeTransform<string, string> = {
  transform(id) {
    if (!ID_PATTERN.test(id)) throw new AppError('NOT_FOUND');
    return id;
  },
};

/** Routes for links to games. */
@ApiTags('Shares')
@ApiBearerAuth()
@Controller()
export class SharesController {
  constructor(private readonly shares: SharesService) {}

  /** Makes a link with which anyone can watch the game. */
  @Post('games/:id/shares')
  @ApiCreatedResponse({ type: NewShareAnswer })
  @ApiProblems(400, 401, 403, 404, 413, 415)
  async create(
    @CurrentDevice() device: Device,
    @Param('id', knownAsId) gameId: string,
    @Req() request: FastifyRequest,
  ): Promise<NewShareAnswer> {
    const origin = originOf(request);
    const { token, ...share } = await this.shares.create(device, gameId);
    return { ...toShareAnswer(share), url: `${origin}/#/watch/${token}` };
  }

  /** Lists the links to a game, the oldest first. */
  @Get('games/:id/shares')
  @ApiOkResponse({ type: [ShareAnswer] })
  @ApiProblems(401, 404)
  async list(
    @CurrentDevice() device: Device,
    @Param('id', knownAsId) gameId: string,
  ): Promise<ShareAnswer[]> {
    return (await this.shares.list(device.accountId, gameId)).map(toShareAnswer);
  }

  /** Withdraws a link; it stops working at once, also for current watchers. */
  @Delete('shares/:id')
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiProblems(401, 404)
  async withdraw(@CurrentDevice() device: Device, @Param('id', knownAsId) shareId: string): Promise<void> {
    await this.shares.withdraw(device.accountId, shareId);
  }
}
