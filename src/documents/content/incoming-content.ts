import type { AppError } from '../../foundation/errors/app-error.js';
import { ByteBudget, type ByteShare } from '../../foundation/flow/byte-budget.js';
import { KeyedSemaphore } from '../../foundation/flow/semaphore.js';

const PER_ACCOUNT = 2;
/** Shorter than the 30 s after which a silent connection is cut. */
const WAIT_MS = 20_000;
const TOO_MANY = { detail: 'Too many contents are being received.', retry_after: 30 };

/** Bounds the disk space of contents being received, as any client may send some as slowly as it likes. */
export class IncomingContent {
  private readonly places = new KeyedSemaphore(PER_ACCOUNT, WAIT_MS);
  private readonly budget: ByteBudget;

  /** @param maxBytes of all contents together; a content that is alone may have more */
  constructor(maxBytes: number) {
    this.budget = new ByteBudget(maxBytes, TOO_MANY);
  }

  /**
   * Takes a place, without bytes yet.
   * @param onCut called when others need the bytes, and this content comes in slowest
   * @throws AppError OVERLOADED when the account's two places stay taken
   */
  async begin(accountId: string, onCut: (refusal: AppError) => void): Promise<ByteShare> {
    const release = await this.places.acquire(accountId);
    const share = this.budget.begin(onCut);
    return {
      grow: share.grow,
      complete: share.complete,
      end: () => {
        share.end();
        release();
      },
    };
  }
}
