import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';

/** A process's claim on a document. */
export interface Claim {
  ownerId: string;
  /** When it is made, epoch ms. */
  now: number;
  /** Until when it keeps other processes from uploading the document, epoch ms. */
  expiresAt: number;
}

/** This process as an owner of documents: of the working copies on its disk, which it uploads. */
@Injectable()
export class DocumentOwner {
  readonly id = randomBytes(12).toString('base64url');
  readonly leaseMs = 60_000;

  constructor(@Inject(NOW) private readonly now: Now) {}

  /** A claim that is made now. */
  claim(): Claim {
    const now = this.now();
    return { ownerId: this.id, now, expiresAt: now + this.leaseMs };
  }

  /** How often a running upload renews its claim. */
  get renewEveryMs(): number {
    return this.leaseMs / 3;
  }

  /** After so long without a renewal an upload counts as dead, and a download takes the document over. */
  get silentMs(): number {
    return this.leaseMs * 0.4;
  }
}
