import { S3Client, S3ServiceException, type S3ClientConfig } from '@aws-sdk/client-s3';
import { AppError } from '../../foundation/errors/app-error.js';
import type { S3Options } from './s3-url.js';

/** How long a store may take, in milliseconds. */
export interface S3Patience {
  connectMs: number;
  /** Without a byte in either direction. */
  idleMs: number;
  /** From a request's first byte to the head of its answer. */
  answerMs: number;
}

const PATIENCE: S3Patience = { connectMs: 5_000, idleMs: 30_000, answerMs: 300_000 };
const ATTEMPTS = 3;

/** Makes a client of the SDK that works with AWS and with the stores that are merely compatible. */
export function makeS3Client(options: S3Options, patience: S3Patience = PATIENCE): S3Client {
  const { endpoint, region, credentials } = options;
  const config: S3ClientConfig = {
    endpoint,
    region,
    credentials,
    forcePathStyle: endpoint !== undefined,
    // The SDK's own checksums are unknown to many stores; parts carry Content-MD5 and a signed SHA-256 instead.
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

/** What a failure of the SDK means. The sentence quotes codes only: messages may hold addresses with signatures. */
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

/** Whether a store says that it has no such object; HEAD has no body to say it in. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound');
}

/** Runs requests of the SDK, their failures translated. @throws AppError STORAGE_UNAVAILABLE */
export async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error as Error);
  }
}
