/** Why an uploaded database cannot be taken, in a sentence for the person who sent it. */
export class InvalidDatabase extends Error {
  override readonly name = 'InvalidDatabase';
}

/** That a database is larger than it may be, in a sentence for the person who sent it. */
export class OversizedDatabase extends Error {
  override readonly name = 'OversizedDatabase';
}
