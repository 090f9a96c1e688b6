import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { OnApplicationShutdown } from '@nestjs/common';
import { create as contentDisposition } from 'content-disposition';
import type { Readable } from 'node:stream';
import type { Now } from '../../foundation/config/config.module.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { checkKey } from '../storage-key.js';
import { ObjectStorage, type DownloadRequest, type WrittenObject } from '../storage.js';
import { translated } from '../streams.js';
import { attempt, isMissing, makeS3Client, unavailable, type S3Patience } from './s3-client.js';
import { S3Upload, type S3Target } from './s3-upload.js';
import type { S3Options } from './s3-url.js';

/** Objects in a bucket of AWS S3 or of a compatible store. */
export class S3Storage extends ObjectStorage implements OnApplicationShutdown {
  private readonly client: S3Client;
  /** Signs download URLs for the public endpoint; it never connects. */
  private readonly publicClient: S3Client;

  /** @param patience how long the store may take; default: as in production */
  constructor(
    private readonly options: S3Options,
    private readonly now: Now,
    patience?: S3Patience,
  ) {
    super();
    const { endpoint, publicEndpoint = endpoint } = options;
    this.client = makeS3Client(options, patience);
    this.publicClient = makeS3Client({ ...options, endpoint: publicEndpoint }, patience);
  }

  onApplicationShutdown(): void {
    this.client.destroy();
    this.publicClient.destroy();
  }

  async write(key: string, body: Readable): Promise<WrittenObject> {
    const upload = new S3Upload(this.client, this.targetOf(key), body);
    const written = await upload.run();
    const stored = await this.stat(key);
    if (stored?.sizeBytes === written.sizeBytes) return written;
    const held = stored ? `${stored.sizeBytes} bytes` : 'nothing';
    const detail = `The store was given ${written.sizeBytes} bytes and holds ${held}.`;
    throw new AppError('STORAGE_UNAVAILABLE', { detail });
  }

  async read(key: string): Promise<Readable> {
    const target = this.targetOf(key);
    try {
      const { Body } = await this.client.send(new GetObjectCommand(target));
      return translated(Body as Readable, unavailable);
    } catch (error) {
      if (isMissing(error)) throw new AppError('OBJECT_NOT_FOUND', {}, { cause: error });
      throw unavailable(error as Error);
    }
  }

  async stat(key: string): Promise<{ sizeBytes: number } | null> {
    const target = this.targetOf(key);
    try {
      const { ContentLength } = await this.client.send(new HeadObjectCommand(target));
      return { sizeBytes: ContentLength! };
    } catch (error) {
      if (isMissing(error)) return null;
      throw unavailable(error as Error);
    }
  }

  async remove(key: string): Promise<void> {
    const target = this.targetOf(key);
    try {
      await this.client.send(new DeleteObjectCommand(target));
    } catch (error) {
      if (!isMissing(error)) throw unavailable(error as Error);
    }
  }

  async downloadUrl(
    key: string,
    { ttlMs, fileName }: DownloadRequest,
  ): Promise<{ url: string; expiresAt: number }> {
    const expiresIn = Math.ceil(ttlMs / 1_000);
    const command = new GetObjectCommand({
      ...this.targetOf(key),
      ResponseContentDisposition: contentDisposition(fileName),
    });
    const url = await attempt(() => getSignedUrl(this.publicClient, command, { expiresIn }));
    // Signatures count whole seconds.
    const signedAt = Math.floor(this.now() / 1_000) * 1_000;
    return { url, expiresAt: signedAt + expiresIn * 1_000 };
  }

  private targetOf(key: string): S3Target {
    checkKey(key);
    return { Bucket: this.options.bucket, Key: this.options.prefix + key };
  }
}
