import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** By what this process is known as the owner of documents, whose working copies lie on its disk. */
@Injectable()
export class DocumentOwner {
  readonly id = randomBytes(12).toString('base64url');
  /** For how long a claim keeps other processes from uploading the document. */
  readonly leaseMs = 60_000;
}
