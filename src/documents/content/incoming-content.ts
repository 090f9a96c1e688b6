import { ByteBudget, type ByteShare } from '../../foundation/flow/byte-budget.js';
import { KeyedSemaphore } from '../../foundation/flow/semaphore.js';

const PER_ACCOUNT = 2;
/** Less than a silent connection is given. */
const WAIT_MS = 20_000;
const TOO_MANY = { detail: 'Too many uploads are under way.', retry_after: 30 };

/** Bounds what uploads take on the disk while they are received: anybody may send them, as slowly as they like. */
export class IncomingUploads {
  private readonly permits = new KeyedSemaphore(PER_ACCOUNT, WAIT_MS);
  private readonly budget: ByteBudget;

  /** @param maxBytes of all together; one alone may have more */
  constructor(maxBytes: number) {
    this.budget = new ByteBudget(maxBytes, TOO_MANY);
  }

  /** @throws AppError OVERLOADED when too many of the account's are under way */
  async begin(accountId: string): Promise<ByteShare> {
    const release = await this.permits.acquire(accountId);
    const share = this.budget.begin();
    return {
      grow: share.grow,
      end: () => {
        share.end();
        release();
      },
    };
  }
}
