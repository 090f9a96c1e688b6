import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';

/** A process's claim to own a document. */
export interface Claim {
  ownerId: string;
  /** When the claim is made, epoch ms. */
  now: number;
  /** End of the lease, until which other processes do not upload the document, epoch ms. */
  expiresAt: number;
}

/** This process as an owner of documents, which it uploads from the working copies on its disk. */
@Injectable()
export class DocumentOwner {
  readonly id = randomBytes(12).toString('base64url');
  readonly leaseMs = 60_000;

  constructor(@Inject(NOW) private readonly now: Now) {}

  /** Makes a claim with a lease from now on. */
  claim(): Claim {
    const now = this.now();
    return { ownerId: this.id, now, expiresAt: now + this.leaseMs };
  }

  /** How often a running upload renews its lease. */
  get renewEveryMs(): number {
    return this.leaseMs / 3;
  }

  /** After this time without renewal an upload counts as dead, and a download may take the document over. */
  get silentMs(): number {
    return this.leaseMs * 0.4;
  }
}
