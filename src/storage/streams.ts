import { PassThrough, pipeline, type Readable } from 'node:stream';
import { AppError } from '../foundation/errors/app-error.js';

/** Size of one read or write. */
export const CHUNK_BYTES = 262_144;

/** Prevents a source that fails before it is read from crashing the process; its reader still gets the error. */
export function holdFailure(source: Readable): void {
  source.on('error', () => {});
}

/** Turns a failure of the store into an AppError. */
type Translate = (error: Error) => AppError;

/** Passes a stream on with its errors translated. If either stream ends early, so does the other. */
export function translated(source: Readable, translate: Translate): Readable {
  const out = new PassThrough({
    readableHighWaterMark: CHUNK_BYTES,
    destroy: (error, callback) => callback(error && !(error instanceof AppError) ? translate(error) : error),
  });
  return pipeline(source, out, () => {});
}
