/** Why something does not work: `code` is for the program, the texts are for people. */
export interface Reason {
  code: string;
  message: string;
  hint: string;
}

/** How far a long sync has come. */
export interface Progress {
  phase: 'download' | 'apply' | 'upload';
  rows: number;
  /** Null while nobody knows. */
  totalRows: number | null;
  bytes: number;
  /** Null while nobody knows. */
  totalBytes: number | null;
  /** An estimate; null while there is none. */
  secondsLeft: number | null;
}
