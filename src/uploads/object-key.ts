import { randomBytes } from 'node:crypto';
import type { Pair } from '../documents/version.js';
import type { DocumentRef } from '../locks/lock.js';

/** A new key for a version of a document in object storage; its random part makes each upload's key unique. */
export function objectKey({ accountId, videoId, kind }: DocumentRef, { epoch, version }: Pair): string {
  const random = randomBytes(9).toString('base64url');
  return `${accountId}/videos/${videoId}/${kind}/${epoch}-${version}-${random}.db.gz`;
}
