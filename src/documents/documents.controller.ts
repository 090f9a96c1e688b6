import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  UsePipes,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AllowOperator, CurrentActor, type Actor } from '../auth/actor.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { AppError } from '../foundation/errors/app-error.js';
import { validated } from '../foundation/errors/validation.js';
import { BinaryBody } from '../foundation/http/binary-body.js';
import { cutWhenSilent } from '../foundation/http/unread-body.js';
import type { DocumentRef } from '../locks/lock.js';
import { ContentService } from './content/content.service.js';
import { videoId } from './document-route.js';
import {
  ContentQuery,
  ContentVersionAnswer,
  DocumentListAnswer,
  DocumentStateAnswer,
  GrantedLockAnswer,
  ListQuery,
  LockBody,
  SeenLockAnswer,
  UnlockQuery,
  VersionListAnswer,
} from './documents.dto.js';
import type { Pair } from './documents.repository.js';
import { DocumentsService } from './documents.service.js';
import { DocumentKinds } from './kinds.js';

const LISTED = 200;
const DOCUMENT = 'videos/:id/database/:db';

/** Routes for documents, the databases that belong to videos. */
@ApiTags('Documents')
@ApiBearerAuth()
@ApiExtraModels(ContentVersionAnswer, SeenLockAnswer)
@AllowOperator()
@UsePipes(validated)
@Controller()
export class DocumentsController {
  constructor(
    private readonly documents: DocumentsService,
    private readonly content: ContentService,
    private readonly kinds: DocumentKinds,
  ) {}

  /** Lists the account's documents in the order of video and kind, in pages. */
  @Get('documents')
  @ApiOkResponse({ type: DocumentListAnswer })
  @ApiProblems(400, 401)
  async list(@CurrentActor() actor: Actor, @Query() query: ListQuery): Promise<DocumentListAnswer> {
    const limit = query.limit ?? LISTED;
    const [after = '', kind = ''] = query.after?.split('/') ?? [];
    const documents = await this.documents.list(actor, { videoId: after, kind }, limit);
    const last = documents.length === limit ? documents.at(-1)! : null;
    return {
      documents,
      next: last && `${last.video_id}/${last.database}`,
      kinds: this.kinds.names,
    };
  }

  /** Returns a document's state: its version, its lock, and what is uploaded. */
  @Get(`${DOCUMENT}/state`)
  @ApiOkResponse({ type: DocumentStateAnswer })
  @ApiProblems(400, 401, 404)
  state(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
  ): Promise<DocumentStateAnswer> {
    return this.documents.state(actor, this.refOf(actor, id, kind));
  }

  /** Lists a document's versions in object storage, the newest first. */
  @Get(`${DOCUMENT}/versions`)
  @ApiOkResponse({ type: VersionListAnswer })
  @ApiProblems(400, 401, 404)
  async versions(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
  ): Promise<VersionListAnswer> {
    const versions = await this.documents.listVersions(this.refOf(actor, id, kind));
    return {
      versions: versions.map(({ epoch, version, sizeBytes, sha256, uploadedAt }) => ({
        epoch,
        server_version: version,
        size_bytes: sizeBytes,
        sha256,
        uploaded_at: uploadedAt,
      })),
    };
  }

  /** Takes or renews the lock; its holder may write the document. */
  @Post(`${DOCUMENT}/lock`)
  @HttpCode(200)
  @ApiOkResponse({ type: GrantedLockAnswer })
  @ApiProblems(400, 401, 403, 404, 413, 415, 423)
  async lock(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Body() body: LockBody,
  ): Promise<GrantedLockAnswer> {
    const { lock, current, needsDownload } = await this.documents.lock(actor, this.refOf(actor, id, kind), {
      type: body.lock_type,
      sessionId: body.session_id,
      reason: body.reason || null,
      takeOver: body.take_over ?? false,
      known: { epoch: body.epoch ?? null, version: body.server_version ?? null },
    });
    return {
      granted: true,
      session_id: lock.holder.sessionId,
      fencing_token: lock.fencingToken,
      expires_at: lock.expiresAt,
      websocket_url: null,
      epoch: current.epoch,
      server_version: current.version,
      needs_download: needsDownload,
    };
  }

  /** Releases the lock, if the session still holds it. */
  @Delete(`${DOCUMENT}/lock`)
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiProblems(400, 401, 403, 404)
  async unlock(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Query() query: UnlockQuery,
  ): Promise<void> {
    await this.documents.unlock(actor, this.refOf(actor, id, kind), query.session_id);
  }

  /** Replaces the whole content, for the lock’s holder; creates a document that does not exist. */
  @Put(`${DOCUMENT}/content`)
  @BinaryBody()
  @ApiConsumes('application/gzip', 'application/octet-stream', 'application/vnd.sqlite3')
  @ApiBody({ description: 'A SQLite database, gzipped.', schema: { type: 'string', format: 'binary' } })
  @ApiHeader({
    name: 'If-Match',
    required: true,
    description: '`"<epoch>-<server_version>"` of the version that is replaced; `"0-0"`: there is none yet.',
  })
  @ApiOkResponse({ type: DocumentStateAnswer })
  @ApiProblems(400, 401, 403, 404, 412, 413, 415, 422, 423, 428, 507)
  async replace(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Query() query: ContentQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Req() request: FastifyRequest,
  ): Promise<DocumentStateAnswer> {
    const ref = this.refOf(actor, id, kind);
    const writer = {
      sessionId: query.session_id,
      userId: actor.userId,
      fencingToken: query.fencing_token,
      expected: parseVersion(ifMatch),
    };
    const announced = request.headers['content-length'];
    const announcedBytes = announced === undefined ? null : Number(announced);
    const { epoch, version } = await this.content.replace(ref, writer, bodyOf(request), announcedBytes);
    // Another session may have written since. The client has the content of this write, so the answer must name this
    // version and not the newer one.
    return { ...(await this.documents.state(actor, ref)), epoch, server_version: version };
  }

  /** @throws AppError NOT_FOUND when there is no such kind */
  private refOf({ accountId }: Actor, id: string, kind: string): DocumentRef {
    return { accountId, videoId: id, kind: this.kinds.get(kind).name };
  }
}

/** @throws AppError PRECONDITION_REQUIRED, BAD_REQUEST */
function parseVersion(ifMatch: string | undefined): Pair {
  if (ifMatch === undefined) throw new AppError('PRECONDITION_REQUIRED');
  const match = /^("?)(\d{1,15})-(\d{1,15})\1$/.exec(ifMatch.trim());
  if (match) return { epoch: Number(match[2]), version: Number(match[3]) };
  throw new AppError('BAD_REQUEST', { detail: 'If-Match must be "<epoch>-<server_version>".' });
}

function bodyOf({ body, raw }: FastifyRequest): Readable {
  if (!(body instanceof Readable)) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', {
      detail: 'The content is sent as application/gzip.',
      hint: 'Send the database gzipped, with Content-Type: application/gzip.',
    });
  }
  cutWhenSilent(raw);
  return body;
}
