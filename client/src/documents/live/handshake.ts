import { LIVE_PROTOCOL_VERSION, type LiveHandshake } from '../../../../src/protocol/documents.js';
import type { CopyState } from '../copy/merging-copy.js';

/** What a copy's handshake tells the server. */
export function handshakeOf(
  { siteId, schemaVersion, epoch, since, answered }: CopyState,
  session: { accessToken: string; sessionId: string; fencingToken: number | null },
): LiveHandshake {
  return {
    access_token: session.accessToken,
    protocol_version: LIVE_PROTOCOL_VERSION,
    session_id: session.sessionId,
    fencing_token: session.fencingToken,
    schema_version: schemaVersion,
    epoch,
    since: since.version,
    since_mark: since.mark,
    answered: answered?.version ?? null,
    answered_mark: answered?.mark ?? null,
    site_id: siteId,
  };
}
