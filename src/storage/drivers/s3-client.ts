import { S3Client, S3ServiceException, type S3ClientConfig } from '@aws-sdk/client-s3';
import { AppError } from '../../foundation/errors/app-error.js';
import type { S3Options } from './s3-url.js';

/** How long a store may take, in milliseconds. */
export interface S3Patience {
  connectMs: number;
  /** Time without a byte in either direction. */
  idleMs: number;
  /** From a request's first byte to the headers of its answer. */
  answerMs: number;
}

const PATIENCE: S3Patience = { connectMs: 5_000, idleMs: 30_000, answerMs: 300_000 };
const ATTEMPTS = 3;

/** Creates an SDK client that works with AWS and with S3-compatible stores. */
export function makeS3Client(options: S3Options, patience: S3Patience = PATIENCE): S3Client {
  const { endpoint, region, credentials } = options;
  const config: S3ClientConfig = {
    endpoint,
    region,
    credentials,
    forcePathStyle: endpoint !== undefined,
    // Many stores do not know the SDK's own checksums; parts carry Content-MD5 and a signed SHA-256 instead.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: patience.connectMs,
      socketTimeout: patience.idleMs,
      requestTimeout: patience.answerMs,
      throwOnRequestTimeout: true,
    },
  };
  return new S3Client(config);
}

/** Translates an error of the SDK. The sentence quotes only codes, because messages may contain signed URLs. */
export function unavailable(error: Error): AppError {
  return new AppError('STORAGE_UNAVAILABLE', { detail: sentenceFor(error) }, { cause: error });
}

function sentenceFor(error: Error): string {
  if (error instanceof S3ServiceException) {
    const { httpStatusCode: status } = error.$metadata;
    return `The store refuses: ${error.name}${status === undefined ? '' : ` (${status})`}.`;
  }
  const { code } = error as NodeJS.ErrnoException;
  return `The store does not answer as it should: ${code ?? error.name}.`;
}

/** Whether the store reports a missing object: `NoSuchKey`, or `NotFound` for HEAD, whose answer has no body. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound');
}

/** Runs SDK requests and translates their errors. @throws AppError STORAGE_UNAVAILABLE */
export async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error as Error);
  }
}
