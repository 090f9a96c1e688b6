import { AppError } from '../errors/app-error.js';

/** One user's share of a budget. */
export interface ByteShare {
  /** Sets the size of the share. @throws AppError OVERLOADED when all shares together exceed the budget */
  grow(sizeBytes: number): void;
  /** Gives the share back; a second call does nothing. */
  end(): void;
}

/** Limits how many bytes all users hold together. */
export class ByteBudget {
  private totalBytes = 0;

  /**
   * @param maxBytes of all shares together; a share may exceed it while it is the only one
   * @param refusal details of the error
   */
  constructor(
    private readonly maxBytes: number,
    private readonly refusal: { detail: string; retry_after: number },
  ) {}

  /** Opens a share, at first of 0 bytes. */
  begin(): ByteShare {
    let ownBytes = 0;
    const resize = (sizeBytes: number): void => {
      this.totalBytes += sizeBytes - ownBytes;
      ownBytes = sizeBytes;
    };
    return {
      grow: (sizeBytes) => {
        resize(sizeBytes);
        if (this.totalBytes <= this.maxBytes || this.totalBytes === ownBytes) return;
        throw new AppError('OVERLOADED', this.refusal);
      },
      end: () => resize(0),
    };
  }
}
