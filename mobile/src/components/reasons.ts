import type { Reason } from '@tidemark/client';

type Texts = Pick<Reason, 'message' | 'hint'>;

/** Reasons that the user can act upon, explained without the server's terms. */
const TEXTS: Record<string, Texts> = {
  HISTORY_CHANGED: {
    message: 'The server has other data than before.',
    hint: 'It was restored or replaced. Nothing changes here until you decide.',
  },
  SCHEMA_AHEAD: {
    message: 'This app is newer than the server.',
    hint: 'Everything stays on this device until the server is updated.',
  },
  PROTOCOL_MISMATCH: {
    message: 'This app and the server do not understand each other.',
    hint: 'Update the older of the two; everything stays on this device until then.',
  },
};

/** Explains to the user why syncing does not work. */
export function explain(reason: Reason): Texts {
  return TEXTS[reason.code] ?? reason;
}
