import { createHash, timingSafeEqual } from 'node:crypto';

/** The operator's token, OPERATOR_TOKEN. */
export class OperatorToken {
  private readonly secret: Buffer | null;

  /** @param token null: nobody is the operator */
  constructor(token: string | null) {
    this.secret = token === null ? null : digest(token);
  }

  /** Whether `token` is the operator's. */
  equals(token: string): boolean {
    return this.secret !== null && timingSafeEqual(this.secret, digest(token));
  }
}

/** Hashes a text, because `timingSafeEqual` needs inputs of equal length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
