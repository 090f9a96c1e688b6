import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** A part of an object, with the hashes by which the store checks it. */
export interface Part {
  /** From 1. */
  number: number;
  bytes: Buffer;
  /** Base64, for Content-MD5. */
  md5: string;
  /** Hexadecimal, for the request's signature. */
  sha256: string;
}

/** Cuts a source into parts and hashes each chunk as it arrives: hashing a whole part would block the event loop. */
export class PartReader {
  sizeBytes = 0;
  private readonly whole = createHash('sha256');

  constructor(
    private readonly source: Readable,
    private readonly partBytes: number,
  ) {}

  /** The hexadecimal sha256 of everything read; call it once, after the last part. */
  digest(): string {
    return this.whole.digest('hex');
  }

  /** The parts in order, all full except the last; an empty source has one empty part. */
  async *parts(): AsyncGenerator<Part> {
    let number = 1;
    let open = new OpenPart(this.partBytes);
    for await (const chunk of this.source as AsyncIterable<Buffer>) {
      this.whole.update(chunk);
      this.sizeBytes += chunk.length;
      for (let rest = chunk; rest.length > 0;) {
        // Start a new part only when more bytes have come: a source of exactly one part's size has one part.
        if (open.isFull) {
          yield open.close(number++);
          open = new OpenPart(this.partBytes);
        }
        rest = open.take(rest);
      }
    }
    yield open.close(number);
  }
}

class OpenPart {
  private readonly chunks: Buffer[] = [];
  private sizeBytes = 0;
  private readonly md5: Hash = createHash('md5');
  private readonly sha256: Hash = createHash('sha256');

  constructor(private readonly maxBytes: number) {}

  get isFull(): boolean {
    return this.sizeBytes === this.maxBytes;
  }

  /** Takes the bytes that fit and returns the rest. */
  take(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.maxBytes - this.sizeBytes);
    this.chunks.push(taken);
    this.sizeBytes += taken.length;
    this.md5.update(taken);
    this.sha256.update(taken);
    return chunk.subarray(taken.length);
  }

  close(number: number): Part {
    return {
      number,
      bytes: Buffer.concat(this.chunks, this.sizeBytes),
      md5: this.md5.digest('base64'),
      sha256: this.sha256.digest('hex'),
    };
  }
}
