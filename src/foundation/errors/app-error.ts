import { errors, type ErrorCode } from '../../protocol/errors.js';

/**
 * An error that a client is meant to see.
 * @param code decides status, title and hint
 * @param details `detail` is the sentence for a person; `retry_after` (seconds) also becomes the header; the rest
 *   travels as members of the problem
 */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly details: { detail?: string; retry_after?: number; [member: string]: unknown } = {},
    options?: ErrorOptions,
  ) {
    super(details.detail ?? errors[code].title, options);
    this.name = 'AppError';
  }
}
