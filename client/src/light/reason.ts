/** Why something failed: `code` is for the program, the texts are for people. */
export interface Reason {
  code: string;
  message: string;
  hint: string;
}

/** The progress of a long sync. */
export interface Progress {
  phase: 'download' | 'apply' | 'upload';
  rows: number;
  /** Null: not known yet. */
  totalRows: number | null;
  bytes: number;
  /** Null: not known yet. */
  totalBytes: number | null;
  /** An estimate; null while there is none. */
  secondsLeft: number | null;
}
