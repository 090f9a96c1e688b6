/** The state of a document's copy after a batch was merged. */
export interface AppliedBatch {
  /** The version that the commit makes; the present one: the batch changes nothing, and nothing is open. */
  version: number;
  rows: number;
}

/** The changes of the versions above `from` up to `to`, as a body of the wire. */
export interface ChangesChunk {
  from: number;
  to: number;
  rows: number;
  body: Uint8Array;
}

/**
 * A document's copy, open in the merging engine. Calls run one after another. Every method but `apply` throws AppError
 * OVERLOADED while the engine cannot open the copy again after a failure, and Error after `close`.
 */
export interface LiveDatabase {
  /** Identity of this copy: 32 hex digits. */
  readonly siteId: string;
  /** `crsql_db_version` after the last commit, at least 1. */
  readonly version: number;
  /** Size of the file after the last commit. */
  readonly sizeBytes: number;

  /**
   * Validates a batch and merges it in a transaction, which stays open until `commit` or `rollback`. Nothing stays open
   * after an error.
   * @param site the only site that the body may have (32 hex digits); null: a batch of the journal, validated before
   * @throws AppError CHANGES_INVALID { row, rule }, BODY_TOO_LARGE (rows), QUOTA_EXCEEDED, DISK_FULL, OVERLOADED
   */
  apply(body: Uint8Array, site: string | null): Promise<AppliedBatch>;

  /** @throws AppError DISK_FULL, OVERLOADED (the thread was replaced: nothing of the batch is there) */
  commit(): Promise<void>;

  /** Does nothing if no transaction is open. */
  rollback(): Promise<void>;

  /** How much `read` of the same versions gives: rows exactly, bytes estimated. */
  count(after: number, upTo: number): Promise<{ rows: number; bytes: number }>;

  /** The changes of the versions above `after`, in ascending contiguous ranges that never split a version. */
  read(after: number, upTo: number): AsyncIterable<ChangesChunk>;

  /**
   * Copies the file between two transactions.
   * @param target must not exist
   * @returns the version of the copy
   * @throws AppError DISK_FULL
   */
  copy(target: string): Promise<{ version: number; sizeBytes: number }>;

  /** Rolls an open transaction back and closes the file. */
  close(): Promise<void>;
}
