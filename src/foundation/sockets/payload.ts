import { AppError } from '../errors/app-error.js';

/** A member of an event's payload; undefined: it has none. */
export function memberOf(payload: unknown, name: string): unknown {
  if (typeof payload !== 'object' || payload === null || !Object.hasOwn(payload, name)) return undefined;
  return (payload as Record<string, unknown>)[name];
}

/** A member that must be a whole number. @throws AppError BAD_REQUEST */
export function wholeNumberOf(payload: unknown, name: string): number {
  const value = memberOf(payload, name);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new AppError('BAD_REQUEST', { detail: `${name} must be a whole number.` });
}
