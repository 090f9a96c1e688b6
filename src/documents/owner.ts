import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** By what this process is known as the owner of documents, whose working copies lie on its disk. */
@Injectable()
export class DocumentOwner {
  readonly id = randomBytes(12).toString('base64url');
  /** For how long a claim keeps other processes from uploading the document. */
  readonly leaseMs = 60_000;

  /** How often an upload under way renews its claim. */
  get renewEveryMs(): number {
    return this.leaseMs / 3;
  }

  /** An upload that has not been renewed for so long is taken over by whoever waits for it. */
  get silentMs(): number {
    return this.leaseMs * 0.4;
  }
}
