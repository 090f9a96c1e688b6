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
  Res,
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
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AllowOperator, CurrentActor, type Actor } from '../auth/actor.js';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { AppError } from '../foundation/errors/app-error.js';
import { validated } from '../foundation/errors/validation.js';
import { BinaryBody } from '../foundation/http/binary-body.js';
import { originOf } from '../foundation/http/origin.js';
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
import { DocumentsService } from './documents.service.js';
import { DocumentKinds } from './kinds.js';
import { parseVersionText, versionText, type Version } from './version.js';

const LISTED = 200;
const DOCUMENT = 'videos/:id/database/:db';
const WITH_ETAG = {
  ETag: {
    description:
      'The version of the content, for If-Match: `"<epoch>-<server_version>-<mark>"`, or without a mark.',
    schema: { type: 'string' },
  },
} as const;

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
  @ApiOkResponse({ type: DocumentStateAnswer, headers: WITH_ETAG })
  @ApiProblems(400, 401, 404)
  async state(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DocumentStateAnswer> {
    return withETag(reply, await this.documents.state(actor, this.refOf(actor, id, kind)));
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
      versions: versions.map(({ epoch, version, mark, sizeBytes, sha256, uploadedAt }) => ({
        epoch,
        server_version: version,
        mark,
        size_bytes: sizeBytes,
        sha256,
        uploaded_at: uploadedAt,
      })),
    };
  }

  /** Takes or renews the lock; its holder may write the document. With `create`, a document without content gets an empty one. */
  @Post(`${DOCUMENT}/lock`)
  @HttpCode(200)
  @ApiOkResponse({ type: GrantedLockAnswer, headers: WITH_ETAG })
  @ApiProblems(400, 401, 403, 404, 413, 415, 423, 507)
  async lock(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Body() body: LockBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GrantedLockAnswer> {
    const socketUrl = `${originOf(request).replace(/^http/, 'ws')}/videos/${id}/sync/${kind}`;
    const { lock, current, needsDownload } = await this.documents.lock(actor, this.refOf(actor, id, kind), {
      type: body.lock_type,
      sessionId: body.session_id,
      reason: body.reason || null,
      takeOver: body.take_over ?? false,
      create: body.create ?? false,
      known: knownVersion(body),
    });
    return withETag<GrantedLockAnswer>(reply, {
      granted: true,
      session_id: lock.holder.sessionId,
      fencing_token: lock.fencingToken,
      expires_at: lock.expiresAt,
      websocket_url: lock.type === 'client' ? socketUrl : null,
      epoch: current.epoch,
      server_version: current.version,
      mark: current.mark,
      needs_download: needsDownload,
    });
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
    const { session_id: sessionId, fencing_token: fencingToken = null } = query;
    await this.documents.unlock(actor, this.refOf(actor, id, kind), sessionId, fencingToken);
  }

  /** Replaces the whole content, for the lock’s holder; creates a document that does not exist. */
  @Put(`${DOCUMENT}/content`)
  @BinaryBody()
  @ApiConsumes('application/gzip', 'application/octet-stream', 'application/vnd.sqlite3')
  @ApiBody({ description: 'A SQLite database, gzipped.', schema: { type: 'string', format: 'binary' } })
  @ApiHeader({
    name: 'If-Match',
    required: true,
    description:
      'The ETag of the version that is replaced, `"<epoch>-<server_version>-<mark>"`; `"0-0"`: there is none yet. Without the ' +
      'mark only the numbers are compared, which the server may have given to other content before its data was put back to ' +
      'an earlier state.',
  })
  @ApiOkResponse({ type: DocumentStateAnswer, headers: WITH_ETAG })
  @ApiProblems(400, 401, 403, 404, 412, 413, 415, 422, 423, 428, 507)
  async replace(
    @CurrentActor() actor: Actor,
    @Param('id', videoId) id: string,
    @Param('db') kind: string,
    @Query() query: ContentQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DocumentStateAnswer> {
    const ref = this.refOf(actor, id, kind);
    const writer = {
      sessionId: query.session_id,
      userId: actor.userId,
      deviceId: actor.deviceId,
      fencingToken: query.fencing_token,
      expected: parseVersion(ifMatch),
    };
    const announced = request.headers['content-length'];
    const announcedBytes = announced === undefined ? null : Number(announced);
    const written = await this.content.replace(ref, writer, bodyOf(request), announcedBytes);
    const { epoch, version, mark } = written;
    // Another session may have written since. The client has the content of this write, so the answer must name this
    // version and not the newer one.
    return withETag(reply, {
      ...(await this.documents.state(actor, ref)),
      epoch,
      server_version: version,
      mark,
    });
  }

  /** @throws AppError NOT_FOUND when there is no such kind */
  private refOf({ accountId }: Actor, id: string, kind: string): DocumentRef {
    return { accountId, videoId: id, kind: this.kinds.get(kind).name };
  }
}

/** @throws AppError PRECONDITION_REQUIRED, BAD_REQUEST */
function parseVersion(ifMatch: string | undefined): Version {
  if (ifMatch === undefined) throw new AppError('PRECONDITION_REQUIRED');
  const [, , text = ''] = /^("?)([^"]*)\1$/.exec(ifMatch.trim()) ?? [];
  const version = parseVersionText(text);
  if (version) return version;
  throw new AppError('BAD_REQUEST', {
    detail: 'If-Match must be "<epoch>-<server_version>-<mark>", as the ETag says it.',
  });
}

/** The version that a session says it has; null: it names none. */
function knownVersion({ epoch, server_version: version, mark }: LockBody): Version | null {
  if (typeof epoch !== 'number' || typeof version !== 'number') return null;
  return { epoch, version, mark: mark ?? null };
}

/** Sets the ETag of the answer to the version of the content that it tells. */
function withETag<A extends ContentVersionAnswer>(reply: FastifyReply, answer: A): A {
  const { epoch, server_version: version, mark = null } = answer;
  void reply.header('etag', `"${versionText({ epoch, version, mark })}"`);
  return answer;
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
