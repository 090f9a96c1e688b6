/** Why a copy in this browser refused: for the program as a code, for people as a message. */
const MESSAGES = {
  NOT_MERGING: 'The downloaded document cannot merge: the server is older than this client.',
  NOT_DOWNLOADED: 'The document has not been downloaded yet.',
  NOT_REKEYED: 'This copy is not complete.',
  TRANSACTION_BY_HAND: 'BEGIN, COMMIT and ROLLBACK are done by tx().',
  VALUE_TOO_LARGE: 'A value is larger than 1,000,000 bytes.',
  VALUE_NOT_FINITE: 'A number is not finite.',
} as const;

/** The codes of `CopyError`. */
export type CopyErrorCode = keyof typeof MESSAGES;

/** A copy refused something. */
export class CopyError extends Error {
  override readonly name = 'CopyError';

  /** @param where what it is about, for people */
  constructor(
    readonly code: CopyErrorCode,
    where = '',
  ) {
    super(where === '' ? MESSAGES[code] : `${MESSAGES[code]} (${where})`);
  }
}
