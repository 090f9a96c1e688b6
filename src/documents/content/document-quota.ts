import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../../auth/accounts.repository.js';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { DocumentsRepository, type StoredDocument } from '../documents.repository.js';

/** How many documents an account may have, and how large they may be together. */
@Injectable()
export class DocumentQuota {
  constructor(
    private readonly database: Database,
    private readonly documents: DocumentsRepository,
    private readonly accounts: AccountsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Checks that a document may have a content of this size; the account's other documents cannot change until the transaction
   * ends.
   * @param document as it is; null: it has no content
   * @throws AppError QUOTA_EXCEEDED
   */
  async check(
    tx: Transaction,
    { accountId }: DocumentRef,
    document: StoredDocument | null,
    sizeBytes: number,
  ): Promise<void> {
    const { maxDocumentsPerAccount: maxCount } = this.config;
    // Without the lock, two documents made at the same time would not count each other. The account's pushes wait for it.
    await this.accounts.lock(tx, accountId);
    const usage = await this.documents.usage(tx, accountId);
    if (!document && maxCount > 0 && usage.count >= maxCount) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may have ${maxCount} documents.` });
    }
    this.checkBytes(usage.sizeBytes - (document?.sizeBytes ?? 0) + sizeBytes);
  }

  /**
   * Checks that the account's documents, as they are, may grow by some bytes: for live changes, which grow a document by
   * little and often.
   * @throws AppError QUOTA_EXCEEDED
   */
  async checkGrowth(accountId: string, bytes: number): Promise<void> {
    if (this.config.maxDocumentBytesPerAccount === 0) return;
    this.checkBytes((await this.documents.usage(this.database, accountId)).sizeBytes + bytes);
  }

  private checkBytes(sizeBytes: number): void {
    const { maxDocumentBytesPerAccount: maxBytes } = this.config;
    if (maxBytes === 0 || sizeBytes <= maxBytes) return;
    throw new AppError('QUOTA_EXCEEDED', {
      detail: `The documents of an account may take ${maxBytes} bytes together.`,
    });
  }
}
