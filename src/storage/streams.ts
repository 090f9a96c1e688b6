import { PassThrough, pipeline, type Readable } from 'node:stream';
import { AppError } from '../foundation/errors/app-error.js';

/** How much is read or written at once. */
export const CHUNK_BYTES = 262_144;

/** Keeps a source that fails before anyone reads it from ending the process; its reader learns of the failure. */
export function holdFailure(source: Readable): void {
  source.on('error', () => {});
}

/** What is wrong with the storage, as an error of the contract. */
export type Translate = (error: Error) => AppError;

/** Passes a stream on with its failures translated. Either one ending early ends the other. */
export function translated(source: Readable, translate: Translate): Readable {
  const out = new PassThrough({
    readableHighWaterMark: CHUNK_BYTES,
    destroy: (error, callback) => callback(error && !(error instanceof AppError) ? translate(error) : error),
  });
  return pipeline(source, out, () => {});
}
