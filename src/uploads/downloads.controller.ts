import { Controller, Get, Header, Param, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AllowOperator, CurrentActor, type Actor } from '../auth/actor.js';
import { videoId } from '../documents/document-route.js';
import { DocumentKinds } from '../documents/kinds.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { originOf } from '../foundation/http/origin.js';
import { DownloadAnswer, toDownloadAnswer } from './downloads.dto.js';
import { DownloadsService } from './downloads.service.js';

/** The route for downloading documents. */
@ApiTags('Documents')
@ApiBearerAuth()
@AllowOperator()
@Controller()
export class DownloadsController {
  constructor(
    private readonly downloads: DownloadsService,
    private readonly kinds: DocumentKinds,
  ) {}

  /** Returns a download URL of the current content, which is uploaded first if object storage does not have it yet. */
  @Get('videos/:id/database/:db/download-url')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: DownloadAnswer })
  @ApiProblems(400, 401, 404, 507)
  async find(
    @CurrentActor() { accountId }: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Req() request: FastifyRequest,
  ): Promise<DownloadAnswer> {
    const ref = { accountId, videoId: id, kind: this.kinds.get(kind).name };
    return toDownloadAnswer(await this.downloads.find(ref, originOf(request)));
  }
}
