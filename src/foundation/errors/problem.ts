import { errors, type Problem } from '../../protocol/errors.js';
import type { AppError } from './app-error.js';

/** An error on the wire. @param requestId the request's or socket's id in the log */
export function toProblem(error: AppError, requestId: string): Problem {
  const { detail, ...details } = error.details;
  const { title, hint, status } = errors[error.code];
  return {
    type: `urn:tidemark:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: detail ?? `${title}.`,
    code: error.code,
    hint,
    request_id: requestId,
    ...details,
  };
}
