import { errors, type ErrorCode } from '../../protocol/errors.js';

/**
 * An error whose code and details are sent to the client.
 * @param code determines status, title and hint
 * @param details `detail` is a sentence for people; `retry_after` (seconds) is also sent as a header; all others become
 *   members of the problem
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
