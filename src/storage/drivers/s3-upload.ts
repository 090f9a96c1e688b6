import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { WrittenObject } from '../storage.js';
import { holdFailure } from '../streams.js';
import { attempt } from './s3-client.js';
import { PartReader, type Part } from './s3-parts.js';

const PART_BYTES = 8_388_608;
const PARTS_AT_ONCE = 2;
const HEADERS = { ContentType: 'application/vnd.sqlite3', ContentEncoding: 'gzip' };

/** An object's bucket and key, as the SDK names them. */
export interface S3Target {
  Bucket: string;
  Key: string;
}

/** Writes one object to a store: in one request if it is small, else in parts. Readers see only the complete object. */
export class S3Upload {
  private readonly reader: PartReader;
  private readonly stop = new AbortController();
  /** The first error of a part; the errors that follow from it are not reported. */
  private failure: unknown;

  constructor(
    private readonly client: S3Client,
    private readonly target: S3Target,
    private readonly source: Readable,
  ) {
    holdFailure(source);
    this.reader = new PartReader(source, PART_BYTES);
  }

  /** @throws AppError STORAGE_UNAVAILABLE, or the source's own error */
  async run(): Promise<WrittenObject> {
    const parts = this.reader.parts();
    try {
      const first = await parts.next();
      const second = await parts.next();
      if (second.done) await this.sendWhole(first.value as Part);
      else await this.sendInParts(chain([first.value as Part, second.value], parts));
    } catch (error) {
      this.source.destroy();
      throw error;
    }
    return { sizeBytes: this.reader.sizeBytes, sha256: this.reader.digest() };
  }

  private async sendWhole({ bytes, md5, sha256 }: Part): Promise<void> {
    const command = new PutObjectCommand({ ...this.target, ...HEADERS, Body: bytes, ContentMD5: md5 });
    await attempt(() => this.client.send(withHash(command, sha256)));
  }

  private async sendInParts(parts: AsyncGenerator<Part>): Promise<void> {
    const create = new CreateMultipartUploadCommand({ ...this.target, ...HEADERS });
    const { UploadId } = await attempt(() => this.client.send(create));
    const upload = { ...this.target, UploadId };
    try {
      const Parts = await this.sendParts(upload, parts);
      const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
      await attempt(() => this.client.send(complete));
    } catch (error) {
      // If this fails too, the store's rule for unfinished uploads removes the parts; see docs/decisions/0009.
      await this.client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  private async sendParts(
    upload: S3Target & { UploadId: string | undefined },
    parts: AsyncGenerator<Part>,
  ): Promise<CompletedPart[]> {
    const sent: CompletedPart[] = [];
    // Several loops over one generator share its parts.
    const sendOneByOne = async (): Promise<void> => {
      for await (const part of parts) sent.push(await this.sendPart(upload, part));
    };
    const loops = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, sendOneByOne));
    const failed = loops.find((loop) => loop.status === 'rejected');
    if (failed) throw this.failure ?? failed.reason;
    return sent.sort((one, other) => one.PartNumber! - other.PartNumber!);
  }

  private async sendPart(
    upload: S3Target & { UploadId: string | undefined },
    { number, bytes, md5, sha256 }: Part,
  ): Promise<CompletedPart> {
    const part = new UploadPartCommand({ ...upload, PartNumber: number, Body: bytes, ContentMD5: md5 });
    try {
      const { ETag } = await attempt(() =>
        this.client.send(withHash(part, sha256), { abortSignal: this.stop.signal }),
      );
      return { ETag, PartNumber: number };
    } catch (error) {
      this.failure ??= error;
      // Stop the other loop: it may be sending, or waiting for a source that never ends.
      this.stop.abort();
      this.source.destroy();
      throw error;
    }
  }
}

/** Signs a request with the body's known hash; the SDK would hash the whole body at once and block the event loop. */
function withHash<C extends PutObjectCommand | UploadPartCommand>(command: C, sha256: string): C {
  // The cast only satisfies the compiler: the two commands have no common signature.
  (command as PutObjectCommand).middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = sha256;
      return next(args);
    },
    { step: 'build', name: 'contentSha256' },
  );
  return command;
}

async function* chain(first: Part[], rest: AsyncGenerator<Part>): AsyncGenerator<Part> {
  yield* first;
  yield* rest;
}
