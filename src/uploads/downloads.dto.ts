import { ApiProperty } from '@nestjs/swagger';
import type { Download } from './downloads.service.js';

const INTEGER = { type: 'integer', format: 'int64' } as const;

/** Where a document can be downloaded. */
export class DownloadAnswer {
  @ApiProperty({ description: 'Anyone who has it can GET the document, until it expires.' }) url!: string;
  @ApiProperty({ ...INTEGER, description: 'Epoch ms.' }) expires_at!: number;
  @ApiProperty({ ...INTEGER, description: 'The server_version of what is downloaded.' }) version!: number;
  @ApiProperty({ ...INTEGER, description: 'The epoch of what is downloaded.' }) epoch!: number;
  @ApiProperty({ description: 'Of the gzipped bytes, in hexadecimal.', pattern: '^[0-9a-f]{64}$' })
  sha256!: string;
  @ApiProperty({ ...INTEGER, description: 'Of the gzipped bytes.' }) size_bytes!: number;
  @ApiProperty({ enum: ['gzip'], description: 'Browsers and fetch inflate it by themselves.' })
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
