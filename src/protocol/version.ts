/** The version of the whole wire contract; a client with another version cannot sync. */
export const PROTOCOL_VERSION = 1;
