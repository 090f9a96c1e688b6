import { AppError } from '../errors/app-error.js';
import { slowestOf, type Holder } from './slowest.js';

/** One user's share of a budget. */
export interface ByteShare {
  /** Sets the size of the share. @throws AppError OVERLOADED when all shares together exceed the budget, or it was cut */
  grow(sizeBytes: number): void;
  /** All bytes have come in: from now on the share is not cut. */
  complete(): void;
  /** Gives the share back; a second call does nothing. */
  end(): void;
}

/** Limits how many bytes all users hold together. When they are used up, who sends slowest is cut, not the newcomer. */
export class ByteBudget {
  private totalBytes = 0;
  private readonly arriving = new Set<Holder & { cut(): void }>();

  /**
   * @param maxBytes of all shares together; a share may exceed it while it is the only one
   * @param refusal details of the error
   */
  constructor(
    private readonly maxBytes: number,
    private readonly refusal: { detail: string; retry_after: number },
  ) {}

  /**
   * Opens a share, at first of 0 bytes.
   * @param onCut called with the AppError OVERLOADED when the share is taken away for others; its bytes must go
   */
  begin(onCut: (refusal: AppError) => void): ByteShare {
    let isCut = false;
    const holder = {
      since: performance.now(),
      moved: 0,
      cut: () => {
        isCut = true;
        end();
        onCut(this.refuse());
      },
    };
    const resize = (sizeBytes: number): void => {
      this.totalBytes += sizeBytes - holder.moved;
      holder.moved = sizeBytes;
    };
    const complete = () => void this.arriving.delete(holder);
    const end = () => {
      complete();
      resize(0);
    };
    this.arriving.add(holder);
    return {
      grow: (sizeBytes) => {
        if (isCut) throw this.refuse();
        resize(sizeBytes);
        while (this.totalBytes > this.maxBytes && this.totalBytes > holder.moved) {
          const slowest = slowestOf(this.arriving);
          if (!slowest || slowest === holder) throw this.refuse();
          slowest.cut();
        }
      },
      complete,
      end,
    };
  }

  private refuse(): AppError {
    return new AppError('OVERLOADED', this.refusal);
  }
}
