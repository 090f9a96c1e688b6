/** A client's database cannot be imported; the message is a sentence for the person who sent it. */
export class InvalidDatabase extends Error {
  override readonly name = 'InvalidDatabase';
}

/** A client's database is too large; the message is a sentence for the person who sent it. */
export class OversizedDatabase extends Error {
  override readonly name = 'OversizedDatabase';
}
