/** The version of the wire contract as a whole; a client that speaks another one cannot sync. */
export const PROTOCOL_VERSION = 1;
