import { AppError } from '../foundation/errors/app-error.js';

/** The bytes from `start` to `end`, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Parses a `Range` header; null: send the whole object, as also for an invalid header or several ranges (RFC 9110, 14.2).
 * @throws AppError RANGE_INVALID when the range lies beyond the end
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange | null {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  if (start > end) {
    throw new AppError('RANGE_INVALID', {
      detail: `The object has ${sizeBytes} bytes.`,
      size_bytes: sizeBytes,
    });
  }
  return { start, end };
}
