/** Why an uploaded database cannot be taken, in a sentence for the person who sent it. */
export class InvalidDatabase extends Error {
  override readonly name = 'InvalidDatabase';
}
