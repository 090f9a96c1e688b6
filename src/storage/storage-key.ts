const SEGMENT = /^[A-Za-z0-9._-]{1,200}$/;
const MAX_CHARS = 900;

/** Whether a text is a valid object key, see ObjectStorage. S3 allows 1,024 bytes, including the prefix. */
export function isKey(text: string): boolean {
  return (
    text.length <= MAX_CHARS &&
    text.split('/').every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..')
  );
}

/** Checks that a key is valid. @throws Error if not: a programming error, because only the server makes keys */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new Error(`Not a storage key: ${JSON.stringify(key)}`);
}
