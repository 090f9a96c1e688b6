import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { asDiskFull } from '../../foundation/files/disk-full.js';
import { DiskSpace } from '../../foundation/files/disk-space.js';
import { KeyedMutex } from '../../foundation/flow/keyed-mutex.js';
import { Semaphore } from '../../foundation/flow/semaphore.js';
import type { DocumentRef } from '../../locks/lock.js';
import { inflateTo } from '../import/inflate.js';
import { SqliteWorkers } from '../import/sqlite-workers.js';
import { DocumentKinds } from '../kinds.js';
import { kindTemplate } from '../live/engine/kind-template.js';
import { IncomingContent } from './incoming-content.js';
import { WorkingCopies } from './working-copies.js';

/** A database that compresses better than this is taken for an attempt to fill the disk. */
const MAX_RATIO = 200;
const IMPORTS_AT_ONCE = 2;
const IMPORT_WAIT_MS = 30_000;

/** A fresh database of the document's kind, with the rows that a client sent. */
export interface ImportedContent {
  /** A temporary file, synced to disk. */
  file: string;
  sizeBytes: number;
}

/** Receives databases from clients and imports their rows; a client's file itself is never used. */
@Injectable()
export class ContentImport implements OnModuleInit {
  private readonly incoming: IncomingContent;
  private readonly running = new Semaphore(IMPORTS_AT_ONCE, IMPORT_WAIT_MS);
  /** Allows one import per account at a time, so that no account takes all places of `running`. */
  private readonly accounts = new KeyedMutex();

  constructor(
    private readonly copies: WorkingCopies,
    private readonly kinds: DocumentKinds,
    private readonly workers: SqliteWorkers,
    private readonly disk: DiskSpace,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.incoming = new IncomingContent(config.maxWorkingCopyBytes / 4);
  }

  /** Records what imports end with, so that an engine which does not fit is noticed at the start. */
  async onModuleInit(): Promise<void> {
    for (const name of this.kinds.names) await kindTemplate(this.kinds.get(name));
  }

  /**
   * Imports a body, passes the result to `use`, then removes all temporary files; `use` may move the imported file
   * elsewhere.
   * @param body a SQLite database, gzipped
   * @throws AppError DOCUMENT_INVALID, BODY_TOO_LARGE, BAD_REQUEST, DISK_FULL, OVERLOADED, SHUTTING_DOWN; errors of `use`
   */
  async run<T>(ref: DocumentRef, body: Readable, use: (imported: ImportedContent) => Promise<T>): Promise<T> {
    const { maxDocumentBytes: maxBytes } = this.config;
    const share = await this.incoming.begin(ref.accountId, (refusal) => body.destroy(refusal));
    const received = this.copies.incoming();
    const file = `${received}.db`;
    try {
      const onGrowth = async (bytes: number) => {
        share.grow(bytes);
        // What the import makes of the file takes about as much again.
        await this.copies.room.make(bytes);
      };
      const limits = { maxBytes, maxRatio: MAX_RATIO, onGrowth };
      const { sizeBytes: receivedBytes } = await inflateTo(body, received, limits);
      share.complete();
      const sizeBytes = await this.accounts.run(ref.accountId, () =>
        this.import(ref, received, receivedBytes, file),
      );
      return await use({ file, sizeBytes });
    } catch (error) {
      throw asDiskFull(error);
    } finally {
      await Promise.all([received, file].map((path) => rm(path, { force: true })));
      share.end();
    }
  }

  /** Checks a document's size. @throws AppError BODY_TOO_LARGE */
  checkSize(bytes: number): void {
    const { maxDocumentBytes } = this.config;
    if (bytes <= maxDocumentBytes) return;
    throw new AppError('BODY_TOO_LARGE', {
      detail: `A document may have ${maxDocumentBytes} bytes at most.`,
    });
  }

  /** @returns the size of the imported database in bytes */
  private async import(
    ref: DocumentRef,
    received: string,
    receivedBytes: number,
    target: string,
  ): Promise<number> {
    await this.running.acquire();
    let endClaim: (() => void) | undefined;
    try {
      endClaim = await this.copies.room.claim(receivedBytes);
      const kind = this.kinds.get(ref.kind);
      const { maxDocumentBytes } = this.config;
      const { sizeBytes } = await this.disk.orReclaim(() =>
        this.workers.importDatabase(kind, received, target, maxDocumentBytes),
      );
      this.checkSize(sizeBytes);
      return sizeBytes;
    } finally {
      endClaim?.();
      this.running.release();
    }
  }
}
