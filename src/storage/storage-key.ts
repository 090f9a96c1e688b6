const SEGMENT = /^[A-Za-z0-9._-]{1,200}$/;
const MAX_CHARS = 900;

/** Whether a text can be an object's key: see ObjectStorage. S3 allows 1,024 bytes, of which a prefix takes some. */
export function isKey(text: string): boolean {
  return (
    text.length <= MAX_CHARS &&
    text.split('/').every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..')
  );
}

/** Lets only keys pass. @throws Error for anything else: keys are made by this server, never by a client */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new Error(`Not a storage key: ${JSON.stringify(key)}`);
}
