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

/** Downloads by signed links when objects are files of this server; S3 stores serve their own downloads. */
@ApiTags('Downloads')
@Public()
@Controller(DOWNLOAD_ROUTE)
export class StorageController {
  private readonly log = new Logger('Downloads');

  constructor(
    private readonly storage: ObjectStorage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Returns the headers of a download without its body. */
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

  /** Downloads an object, or the byte range that Range asks for. */
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
      // The headers are already sent, so only cutting the connection can report the failure.
      reply.raw.destroy();
    } finally {
      await object.handle.close();
    }
  }

  /** Checks the link and sets the headers of the answer; the caller closes the object's handle. */
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
    // Every link is different, so a cached copy would never be used. Proxies must not recompress.
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
