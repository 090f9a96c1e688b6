import { KeyedPermits } from '../database/permits.js';
import { AppError } from '../errors/app-error.js';

const PER_ACCOUNT = 2;
/** Less than a silent connection is given. */
const WAIT_MS = 20_000;

/** An upload that is being received. */
export interface IncomingUpload {
  /** It takes so many bytes on the disk by now. @throws AppError OVERLOADED when they are too many, with others' */
  grow(sizeBytes: number): void;
  /** It takes none any more. */
  end(): void;
}

/** Bounds what uploads take on the disk while they are received: anybody may send them, as slowly as they like. */
export class IncomingUploads {
  private readonly permits = new KeyedPermits(PER_ACCOUNT, WAIT_MS);
  private totalBytes = 0;

  /** @param maxBytes of all together; one alone may have more */
  constructor(private readonly maxBytes: number) {}

  /** @throws AppError OVERLOADED when too many of the account's are under way */
  async begin(accountId: string): Promise<IncomingUpload> {
    const giveBack = await this.permits.take(accountId);
    let ownBytes = 0;
    const resize = (sizeBytes: number) => {
      this.totalBytes += sizeBytes - ownBytes;
      ownBytes = sizeBytes;
    };
    return {
      grow: (sizeBytes) => {
        resize(sizeBytes);
        if (this.totalBytes <= this.maxBytes || this.totalBytes === ownBytes) return;
        throw new AppError('OVERLOADED', { detail: 'Too many uploads are under way.', retry_after: 30 });
      },
      end: () => {
        resize(0);
        giveBack();
      },
    };
  }
}
