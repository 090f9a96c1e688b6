import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** A stretch of an object, with what proves to the store that it arrived as it was sent. */
export interface Part {
  /** From 1. */
  number: number;
  bytes: Buffer;
  /** In base64, as Content-MD5 has it. */
  md5: string;
  /** In hexadecimal, as signatures have it. */
  sha256: string;
}

/** Cuts a source into parts, hashing as its chunks come in: hashed at once, a part would hold up everything else. */
export class PartReader {
  sizeBytes = 0;
  private readonly whole = createHash('sha256');

  constructor(
    private readonly source: Readable,
    private readonly partBytes: number,
  ) {}

  /** The sha256 of all that was read, in hexadecimal; ends the reading. */
  digest(): string {
    return this.whole.digest('hex');
  }

  /** The parts in order, each but the last one full; one empty part for an empty source. */
  async *parts(): AsyncGenerator<Part> {
    let number = 1;
    let open = new OpenPart(this.partBytes);
    for await (const chunk of this.source as AsyncIterable<Buffer>) {
      this.whole.update(chunk);
      this.sizeBytes += chunk.length;
      for (let rest = chunk; rest.length > 0;) {
        // Only when more is known to come, so that a source of exactly one part has one.
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

  /** Takes what fits in and gives the rest back. */
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
