// What apps use of this package; everything else may change without notice.
export {
  Tidemark,
  type DeviceInfo,
  type JoinWith,
  type PairingCode,
  type TidemarkOptions,
} from './tidemark.js';
export type { Account } from './api/account-credentials.js';
export { Api, type RequestParts } from './api/api.js';
export type { Credentials, CredentialStore } from './api/credentials.js';
export { fetchTransport } from './api/fetch-transport.js';
export { SyncError, toSyncError } from './api/sync-error.js';
export type { HttpAnswer, HttpRequest, Transport } from './api/transport.js';
export type { DocumentNews } from './connection/document-feed.js';
export {
  DocumentsApi,
  keyOf,
  versionTag,
  versionText,
  type DocumentRef,
  type Grant,
  type Replacement,
} from './documents/documents-api.js';
export { Leases } from './documents/leases.js';
export { Cell, type Observable } from './light/observable.js';
export type { Progress, Reason } from './light/reason.js';
export type { SyncState, SyncStatus } from './light/status.js';
export { Mutex } from './mutex.js';
export { randomId } from './random-id.js';
export type { RecoveryWay } from './records/local-data.js';
export type { DescribeRow, Notice } from './records/notices.js';
export type { Synchronize } from './records/records.js';
export type { Parents } from './records/synced-tables.js';
