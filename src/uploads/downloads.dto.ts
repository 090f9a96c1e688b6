import { ApiProperty } from '@nestjs/swagger';
import type { Download } from './downloads.service.js';

const INTEGER = { type: 'integer', format: 'int64' } as const;

/** Where a document can be downloaded. */
export class DownloadAnswer {
  /** Anyone who has it can GET the document, until it expires. */
  url!: string;
  /** Epoch ms. */
  @ApiProperty(INTEGER)
  expires_at!: number;
  /** The server_version of what is downloaded. */
  @ApiProperty(INTEGER)
  version!: number;
  /** The epoch of what is downloaded. */
  @ApiProperty(INTEGER)
  epoch!: number;
  /** Of the gzipped bytes, in hexadecimal. */
  @ApiProperty({ pattern: '^[0-9a-f]{64}$' })
  sha256!: string;
  /** Of the gzipped bytes. */
  @ApiProperty(INTEGER)
  size_bytes!: number;
  /** Browsers and fetch inflate it by themselves. */
  @ApiProperty({ enum: ['gzip'] })
  content_encoding!: 'gzip';
}

/** A download as it travels. */
export function toDownloadAnswer(download: Download): DownloadAnswer {
  return {
    url: download.url,
    expires_at: download.expiresAt,
    version: download.version,
    epoch: download.epoch,
    sha256: download.sha256,
    size_bytes: download.sizeBytes,
    content_encoding: 'gzip',
  };
}
