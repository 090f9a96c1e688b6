import type { Progress } from '../light/reason.js';

/** The beginning of every row in an answer. */
const ROW = '{"id":';

type Moved = (progress: Omit<Progress, 'secondsLeft'>) => void;

/** Counts the rows and characters (reported as bytes) of an answer while it arrives. */
export class DownloadMeter {
  private rows = 0;
  private bytes = 0;
  private totalRows: number | null = null;
  private carry = '';

  constructor(private readonly moved: Moved) {}

  readonly onHeaders = (header: (name: string) => string | null): void => {
    const rows = header('tidemark-rows');
    this.totalRows = rows === null ? null : Number(rows);
    this.tell(null);
  };

  readonly onReceived = (piece: string, totalBytes: number | null): void => {
    this.bytes += piece.length;
    // The beginning of a row may be split between two pieces.
    const text = this.carry + piece;
    for (let at = text.indexOf(ROW); at >= 0; at = text.indexOf(ROW, at + ROW.length)) this.rows += 1;
    this.carry = text.slice(-(ROW.length - 1));
    this.tell(totalBytes);
  };

  private tell(totalBytes: number | null): void {
    const rows = this.totalRows === null ? this.rows : Math.min(this.rows, this.totalRows);
    this.moved({ phase: 'download', rows, totalRows: this.totalRows, bytes: this.bytes, totalBytes });
  }
}

/** Estimates from the bytes sent how many rows of a push have been sent. */
export function uploadMeter(
  totalRows: number,
  moved: Moved,
): (bytes: number, totalBytes: number | null) => void {
  return (bytes, totalBytes) => {
    const rows = totalBytes ? Math.round((bytes / totalBytes) * totalRows) : 0;
    moved({ phase: 'upload', rows, totalRows, bytes, totalBytes });
  };
}
