import type { LiveHello } from '../../../../src/protocol/documents.js';
import type { StatusLight } from '../../light/light.js';

interface Amount {
  rows: number;
  bytes: number;
}

/** Tells the light how far a download, the changes to come or the changes to send are. */
export class RunProgress {
  private ahead: Amount = { rows: 0, bytes: 0 };
  private came: Amount = { rows: 0, bytes: 0 };
  private sent: Amount = { rows: 0, bytes: 0 };
  private isSending = false;

  constructor(private readonly light: StatusLight) {}

  /** So many bytes of a file are stored. */
  readonly downloaded = (bytes: number, totalBytes: number): void => {
    this.light.tell({
      type: 'sync_moved',
      progress: { phase: 'download', rows: 0, totalRows: null, bytes, totalBytes },
    });
  };

  /** What follows as `changes`. */
  expect(ahead: LiveHello['ahead']): void {
    this.ahead = ahead;
    this.came = { rows: 0, bytes: 0 };
    this.isSending = false;
    if (ahead.rows === 0) return;
    this.light.tell({ type: 'sync_started' });
    this.tellReceived();
  }

  /** Changes were applied. @param rowsLeft @param bytesLeft what follows after them */
  received(rowsLeft: number, bytesLeft: number, bytes: number): void {
    this.came = { rows: Math.max(this.ahead.rows - rowsLeft, 0), bytes: this.came.bytes + bytes };
    this.ahead = { rows: this.came.rows + rowsLeft, bytes: this.came.bytes + bytesLeft };
    if (!this.isSending) this.tellReceived();
  }

  /** A batch is on its way. @param pending cells, those of the batch included */
  sending(pending: number): void {
    if (!this.isSending) {
      this.sent = { rows: 0, bytes: 0 };
      this.light.tell({ type: 'sync_started' });
    }
    this.isSending = true;
    this.tellSent(pending);
  }

  /** A batch was acknowledged. @param pending cells after it */
  acknowledged(rows: number, bytes: number, pending: number): void {
    this.sent = { rows: this.sent.rows + rows, bytes: this.sent.bytes + bytes };
    this.tellSent(pending);
    if (pending === 0) this.isSending = false;
  }

  /** Sending ended before everything was acknowledged. */
  stopped(): void {
    this.isSending = false;
  }

  private tellReceived(): void {
    const { rows, bytes } = this.came;
    const totals = { totalRows: this.ahead.rows, totalBytes: this.ahead.bytes };
    this.light.tell({ type: 'sync_moved', progress: { phase: 'download', rows, bytes, ...totals } });
  }

  private tellSent(pending: number): void {
    const { rows, bytes } = this.sent;
    const totalRows = rows + pending;
    const totalBytes = rows === 0 ? null : Math.round((bytes / rows) * totalRows);
    this.light.tell({
      type: 'sync_moved',
      progress: { phase: 'upload', rows, totalRows, bytes, totalBytes },
    });
  }
}
