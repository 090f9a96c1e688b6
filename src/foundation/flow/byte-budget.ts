import { AppError } from '../errors/app-error.js';

/** What one of many takes of a budget. */
export interface ByteShare {
  /** It takes so many bytes by now. @throws AppError OVERLOADED when they are too many, with others' */
  grow(sizeBytes: number): void;
  /** It takes none any more; a second time is harmless. */
  end(): void;
}

/** Bounds what many take together, of memory say, though each of them alone may take much. */
export class ByteBudget {
  private totalBytes = 0;

  /**
   * @param maxBytes of all together; one alone may have more
   * @param refusal what is said to whoever would take too much
   */
  constructor(
    private readonly maxBytes: number,
    private readonly refusal: { detail: string; retry_after: number },
  ) {}

  /** Takes nothing yet. */
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
