import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Head, Inject, Logger, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/device.guard.js';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { parseByteRange, type ByteRange } from './byte-range.js';
import { DOWNLOAD_ROUTE, type DownloadLink } from './download-links.js';
import { FileStorage, type OpenObject } from './drivers/file.storage.js';
import { sendFile } from './send-file.js';
import { ApiDownload } from './storage.api.js';
import { ObjectStorage } from './storage.js';

/** Downloads by signed links, when objects are files of this server; other stores serve their own. */
@ApiTags('Downloads')
@Public()
@Controller(DOWNLOAD_ROUTE)
export class StorageController {
  private readonly log = new Logger('Downloads');

  constructor(
    private readonly storage: ObjectStorage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Says what a download would bring. */
  // Without this route, the framework would answer HEAD by reading the whole object.
  @Head()
  @ApiDownload({ hasBody: false })
  async describe(
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { object } = await this.prepare(query, request, reply);
    await object.handle.close();
    void reply.send();
  }

  /** Sends an object, or the part of it that is asked for. */
  @Get()
  @ApiDownload({ hasBody: true })
  async download(
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { object, range } = await this.prepare(query, request, reply);
    reply.raw.setTimeout(this.config.pullStallSeconds * 1_000, () => reply.raw.destroy());
    reply.hijack();
    reply.raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
    try {
      await sendFile(object.handle, range ?? { start: 0, end: object.sizeBytes - 1 }, reply.raw);
    } catch (error) {
      this.log.error(error);
      // Its head is gone: breaking off is the one way left to say so.
      reply.raw.destroy();
    } finally {
      await object.handle.close();
    }
  }

  /** Checks the link and writes the head of the answer. */
  private async prepare(
    query: Record<string, unknown>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<{ object: OpenObject; range: ByteRange | undefined }> {
    if (!(this.storage instanceof FileStorage)) {
      throw new AppError('NOT_FOUND', { detail: 'There is no such route.' });
    }
    const link = this.storage.links.open(query);
    const object = await this.storage.openObject(link.key);
    try {
      const range = rangeOf(request, object, reply);
      describeObject(reply, link, object, range);
      return { object, range };
    } catch (error) {
      await object.handle.close();
      throw error;
    }
  }
}

function rangeOf(request: FastifyRequest, object: OpenObject, reply: FastifyReply): ByteRange | undefined {
  const condition = request.headers['if-range'];
  if (condition !== undefined && condition !== object.etag) return undefined;
  try {
    return parseByteRange(request.headers.range, object.sizeBytes) ?? undefined;
  } catch (error) {
    void reply.header('content-range', `bytes */${object.sizeBytes}`);
    throw error;
  }
}

function describeObject(
  reply: FastifyReply,
  { fileName }: DownloadLink,
  { sizeBytes, etag }: OpenObject,
  range: ByteRange | undefined,
): void {
  void reply.code(range ? 206 : 200).headers({
    'accept-ranges': 'bytes',
    // Links are never the same twice, so that a copy would serve nobody; and nothing on the way may recompress.
    'cache-control': 'private, no-store, no-transform',
    'content-disposition': contentDisposition(fileName),
    'content-encoding': 'gzip',
    'content-length': range ? range.end - range.start + 1 : sizeBytes,
    'content-type': 'application/vnd.sqlite3',
    etag,
    'x-content-type-options': 'nosniff',
  });
  if (range) void reply.header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
}
