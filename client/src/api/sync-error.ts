import type { Problem } from '../../../src/protocol/errors.js';
import type { Failure } from '../light/facts.js';
import type { Reason } from '../light/reason.js';

/** The client's own codes, in addition to the server's. */
type ClientCode = 'NO_ANSWER' | 'STALLED' | 'CANCELED' | 'NOT_SIGNED_IN' | 'HTTP_ERROR' | 'FRAME_TOO_LARGE';

/** Codes after which this device cannot sync until the user decides or the app or server is updated. */
const INCOMPATIBLE = new Set([
  'HISTORY_CHANGED',
  'SCHEMA_AHEAD',
  'PROTOCOL_MISMATCH',
  'DEVICE_REVOKED',
  'TOKEN_INVALID',
]);

/** The server forgets the devices that are taken off, so it cannot tell them from those that it never had. */
const NOT_KNOWN = {
  message: 'This server no longer knows this device.',
  hint:
    'It was taken off on another device, or the server was set up anew or put back to an earlier state. Everything ' +
    'stays here: join again with a code of another device, or register anew and upload everything.',
};

/** Codes that a retry without a change would get again. */
const FINAL = new Set([
  'QUOTA_EXCEEDED',
  'BODY_TOO_LARGE',
  'BAD_REQUEST',
  'ORIGIN_REFUSED',
  'FRAME_TOO_LARGE',
]);

/** Codes that renewing the tokens may resolve. */
const STALE_TOKEN = new Set(['TOKEN_EXPIRED', 'TOKEN_INVALID', 'TOKEN_MISSING']);

/** Why a request to the server failed: `code` is for the program, `message` and `hint` are for people. */
export class SyncError extends Error {
  override readonly name = 'SyncError';

  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** The HTTP status; 0 when the server did not answer. */
    readonly status = 0,
    /** How long the server asks to wait; null: it named no time. */
    readonly retryAfterMs: number | null = null,
    /** The kind of failure in a few words; null: none given. */
    readonly title: string | null = null,
    /** What the server sent, with its further members; null: the client's own error. */
    readonly problem: Partial<Problem> | null = null,
  ) {
    super(message);
  }

  /** An error with one of the client's own codes. */
  static of(code: ClientCode, message: string): SyncError {
    return new SyncError(code, message, 'Everything is saved on this device and syncs when it works again.');
  }

  /** The error for a problem that the server sent. */
  static from(problem: Partial<Problem>, status = problem.status ?? 500): SyncError {
    const {
      code = 'HTTP_ERROR',
      detail = `The server answered ${status}.`,
      hint = 'Try again later.',
    } = problem;
    const seconds = Number(problem.retry_after);
    const retryAfterMs = seconds > 0 ? seconds * 1_000 : null;
    return new SyncError(code, detail, hint, status, retryAfterMs, problem.title ?? null, problem);
  }

  get isIncompatible(): boolean {
    return INCOMPATIBLE.has(this.code);
  }

  /** Whether the server does not know this device, so that it must register again. */
  get isNotKnown(): boolean {
    return this.code === 'DEVICE_REVOKED' || this.code === 'TOKEN_INVALID';
  }

  get isStaleToken(): boolean {
    return STALE_TOKEN.has(this.code);
  }

  /** Whether the server did not answer. */
  get isNoAnswer(): boolean {
    return this.code === 'NO_ANSWER' || this.code === 'STALLED';
  }

  get reason(): Reason {
    const { message, hint } = this.isNotKnown ? NOT_KNOWN : this;
    return { code: this.code, message, hint };
  }

  get failure(): Failure {
    return { reason: this.reason, isAnswer: this.status > 0, isFinal: FINAL.has(this.code) };
  }
}

/** Turns anything thrown into a SyncError; code `LOCAL_ERROR` unless it is one already. */
export function toSyncError(thrown: unknown): SyncError {
  if (thrown instanceof SyncError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SyncError(
    'LOCAL_ERROR',
    message,
    'Close the app and open it again; nothing saved here is lost.',
  );
}
