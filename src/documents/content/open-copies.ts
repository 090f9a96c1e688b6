import { Injectable } from '@nestjs/common';
import type { DocumentRef } from '../../locks/lock.js';
import type { Version } from '../version.js';

/** Copies working copies that the engine writes, which nothing else may read where they lie. */
export interface LiveCopier {
  /**
   * Copies a document's working copy between two of its changes, after opening it if it is not open.
   * @param target a path; must not exist
   * @returns the version of the copy
   * @throws AppError of opening it
   */
  copyOf(ref: DocumentRef, target: string): Promise<Version>;
}

/** Where who reads contents finds who has them open: the live room, which reads none for others, registers itself here. */
@Injectable()
export class OpenCopies implements LiveCopier {
  private copier?: LiveCopier;

  /** Makes `copier` the one that is asked. */
  register(copier: LiveCopier): void {
    this.copier = copier;
  }

  copyOf(ref: DocumentRef, target: string): Promise<Version> {
    if (this.copier) return this.copier.copyOf(ref, target);
    return Promise.reject(new Error('A document has live changes, but nothing here opens it.'));
  }
}
