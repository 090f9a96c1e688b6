/** Every error code that clients can get: HTTP status, what happened, and what to do next. */
export const errors = {
  BAD_REQUEST: {
    status: 400,
    title: 'Malformed request',
    hint: 'Correct the request; sending it again unchanged fails again.',
  },
  TOKEN_MISSING: {
    status: 401,
    title: 'No access token',
    hint: 'Send "Authorization: Bearer <access_token>".',
  },
  TOKEN_INVALID: {
    status: 401,
    title: 'Token not valid',
    hint: 'Refresh the tokens, or register the device again.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    title: 'Access token expired',
    hint: 'Get a new pair with POST /auth/token.',
  },
  DEVICE_REVOKED: {
    status: 401,
    title: 'Device revoked',
    hint: 'Register the device again, with a pairing code of the account.',
  },
  PAIRING_CODE_INVALID: {
    status: 400,
    title: 'Pairing code not valid',
    hint: 'Codes work once, for 10 minutes; make a new one on the other device.',
  },
  QUOTA_EXCEEDED: {
    status: 403,
    title: 'Quota exceeded',
    hint: 'Remove what is not needed, or ask the operator for a larger quota.',
  },
  ORIGIN_REFUSED: {
    status: 403,
    title: 'Web origin not allowed',
    hint: 'Open the app from the server itself, or have the origin added to CORS_ORIGINS.',
  },
  LOCK_OF_ANOTHER: {
    status: 403,
    title: 'The lock of another user',
    hint: 'Ask its holder to release it, or take it over with take_over.',
  },
  OPERATOR_ONLY: {
    status: 403,
    title: 'Only for the operator',
    hint: 'Locks of type server are taken with the operator’s token.',
  },
  DOWNLOAD_REFUSED: {
    status: 403,
    title: 'Download address not valid',
    hint: 'Ask for a fresh one with GET …/download-url.',
  },
  NOT_FOUND: { status: 404, title: 'Not found', hint: 'Check the path and the id.' },
  OBJECT_NOT_FOUND: {
    status: 404,
    title: 'Not in storage',
    hint: 'Ask for a fresh address with GET …/download-url; if it stays, tell the operator.',
  },
  SHARE_WITHDRAWN: {
    status: 404,
    title: 'No longer shared',
    hint: 'Ask the person who sent the link for a new one.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'Request not complete in time',
    hint: 'Send it again, or less at once where the connection is slow.',
  },
  HISTORY_CHANGED: {
    status: 409,
    title: 'This server holds another history',
    hint: 'Ask the person: take the server’s data, upload this device’s, or start fresh.',
  },
  SCHEMA_AHEAD: {
    status: 409,
    title: 'The app is newer than the server',
    hint: 'Update the server; the data stays on the device until then.',
  },
  PROTOCOL_MISMATCH: {
    status: 409,
    title: 'App and server do not speak the same protocol',
    hint: 'Update the older of the two; the data stays on the device until then.',
  },
  SCHEMA_MISMATCH: {
    status: 409,
    title: 'The copy has another schema version',
    hint: 'If the copy is the older one, download the document again; if it is the newer one, update the server.',
  },
  EPOCH_CHANGED: {
    status: 409,
    title: 'The document has begun anew',
    hint: 'Download it again; ask the person first if changes are pending.',
  },
  PUSH_CONFLICT: { status: 409, title: 'Changed on the server', hint: 'Pull, merge, push again.' },
  PULL_REQUIRED: { status: 409, title: 'Last pull too long ago', hint: 'Pull, then push again.' },
  RESYNC_REQUIRED: {
    status: 409,
    title: 'Last pull too long ago',
    hint: 'Pull with replacement=1 and pass experimentalStrategy on, or sync from scratch.',
  },
  VERSION_MISMATCH: {
    status: 412,
    title: 'The document has changed',
    hint: 'Download it again, bring your changes into that version, and send If-Match with its ETag.',
  },
  BODY_TOO_LARGE: { status: 413, title: 'Body too large', hint: 'Send less at once.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Media type not supported',
    hint: 'Send JSON as application/json or text/plain, plain or with Content-Encoding: gzip.',
  },
  RANGE_INVALID: {
    status: 416,
    title: 'Range not satisfiable',
    hint: 'Ask for bytes that the object has, or for the whole of it.',
  },
  DOCUMENT_INVALID: {
    status: 422,
    title: 'Not a database of this kind',
    hint: 'Send a gzipped SQLite database with the tables of the document’s kind and nothing else.',
  },
  CHANGES_INVALID: {
    status: 422,
    title: 'Changes not valid',
    hint: 'Nothing of the batch was applied. Do not send it again unchanged; the detail tells which rule it breaks.',
  },
  VALUE_TOO_LARGE: {
    status: 422,
    title: 'Value too large',
    hint: 'Store less in one cell, and large things as files.',
  },
  LOCK_HELD: {
    status: 423,
    title: 'Locked by someone else',
    hint: 'Wait until expires_at, or take over with take_over.',
  },
  LOCK_REQUIRED: {
    status: 423,
    title: 'You do not hold the lock',
    hint: 'Lock the document, look whether it has changed since, and try again with the new fencing_token.',
  },
  PRECONDITION_REQUIRED: {
    status: 428,
    title: 'If-Match is missing',
    hint: 'Send If-Match: "<epoch>-<server_version>-<mark>" of the version that you replace; "0-0" when there is none.',
  },
  TOO_MANY_CONNECTIONS: {
    status: 429,
    title: 'Too many connections',
    hint: 'Keep one connection open; when there are too many, the newest stay.',
  },
  RATE_LIMITED: { status: 429, title: 'Too many tries', hint: 'Wait for the time given in Retry-After.' },
  INTERNAL: {
    status: 500,
    title: 'Internal error',
    hint: 'Try again; if it stays, give the operator the request id.',
  },
  OVERLOADED: { status: 503, title: 'Overloaded', hint: 'Wait for the time given in Retry-After.' },
  DATABASE_READ_ONLY: {
    status: 503,
    title: 'The server’s database takes no writes',
    hint: 'Nothing was changed. Wait for the time given in Retry-After; if it stays, tell the operator.',
  },
  STORAGE_UNAVAILABLE: {
    status: 503,
    title: 'Object storage does not answer',
    hint: 'Try again in a while; what was acknowledged is safe on the server and will be uploaded.',
  },
  SHUTTING_DOWN: { status: 503, title: 'Shutting down', hint: 'Wait for the time given in Retry-After.' },
  DISK_FULL: {
    status: 507,
    title: 'The server’s disk is full',
    hint: 'Nothing was changed. Try again later, or ask the operator for room.',
  },
} as const satisfies Record<string, { status: number; title: string; hint: string }>;

/** A stable name of a kind of error; clients branch on it, never on the texts. */
export type ErrorCode = keyof typeof errors;

/** An error as it travels (`application/problem+json`, RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  /** What happened in this case, for people. */
  detail: string;
  code: ErrorCode;
  /** What to do next. */
  hint: string;
  request_id: string;
  [details: string]: unknown;
}
