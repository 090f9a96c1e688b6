import { ApiProperty } from '@nestjs/swagger';
import type { Download } from './downloads.service.js';

const INTEGER = { type: 'integer', format: 'int64' } as const;

/** A download URL of a document, with the version it gives. */
export class DownloadAnswer {
  /** Until it expires, anyone who has the URL can GET the document. */
  url!: string;
  /** Epoch ms. */
  @ApiProperty(INTEGER)
  expires_at!: number;
  /** The server_version of the downloaded content. */
  @ApiProperty(INTEGER)
  version!: number;
  /** The epoch of the downloaded content. */
  @ApiProperty(INTEGER)
  epoch!: number;
  /** The mark of the downloaded content; null: not known, as with versions from before there were marks. */
  mark!: string | null;
  /** Hash of the gzipped bytes, in hexadecimal. */
  @ApiProperty({ pattern: '^[0-9a-f]{64}$' })
  sha256!: string;
  /** Size of the gzipped bytes. */
  @ApiProperty(INTEGER)
  size_bytes!: number;
  /** Browsers and fetch decompress the content themselves. */
  @ApiProperty({ enum: ['gzip'] })
  content_encoding!: 'gzip';
}

/** Converts a download to its form on the wire. */
export function toDownloadAnswer(download: Download): DownloadAnswer {
  return {
    url: download.url,
    expires_at: download.expiresAt,
    version: download.version,
    epoch: download.epoch,
    mark: download.mark,
    sha256: download.sha256,
    size_bytes: download.sizeBytes,
    content_encoding: 'gzip',
  };
}
