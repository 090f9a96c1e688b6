/** A shorter secret could be guessed. */
export const MIN_SECRET_CHARS = 32;

/** Whether a secret is shorter than it must be; white space around it does not count. */
export function isSecretTooShort(secret: string): boolean {
  return secret.trim().length < MIN_SECRET_CHARS;
}
