/** A client's database cannot be imported; the message is a sentence for the sender. */
export class InvalidDatabase extends Error {
  override readonly name = 'InvalidDatabase';
}

/** A client's database is too large; the message is a sentence for the sender. */
export class OversizedDatabase extends Error {
  override readonly name = 'OversizedDatabase';
}
