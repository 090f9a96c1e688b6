import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { isSwiftInstalled, startSwift, type Swift } from './swift.js';

const REGION = 'us-east-1';
const MISSING =
  'OpenStack Swift is not installed, so nothing is tried on S3. Install it: apt-get install --no-install-recommends python3-swift';

/** A new bucket, with the server options that select it, and its removal. */
export interface ObjectStore {
  env: Record<string, string>;
  dispose(): Promise<void>;
}

let shared: Promise<Swift> | undefined;
let users = 0;
let buckets = 0;

/**
 * Makes a bucket in a real S3 store, which runs as long as this test file uses a bucket.
 * @returns null, with a warning, when no store can be started here
 * @throws Error instead when CI is set
 */
export async function startObjectStore(): Promise<ObjectStore | null> {
  if (!isSwiftInstalled()) {
    if (process.env.CI) throw new Error(MISSING);
    console.warn(MISSING);
    return null;
  }
  users += 1;
  shared ??= startSwift();
  try {
    const swift = await shared;
    const bucket = `test-${(buckets += 1)}`;
    await createBucket(swift, bucket);
    const { endpoint, accessKeyId, secretAccessKey } = swift;
    const env = {
      STORAGE_URL: `s3://${bucket}/tidemark?endpoint=${endpoint}&region=${REGION}`,
      S3_ACCESS_KEY_ID: accessKeyId,
      S3_SECRET_ACCESS_KEY: secretAccessKey,
    };
    return { env, dispose: leave };
  } catch (error) {
    await leave();
    throw error;
  }
}

/**
 * Declares tests that need a real S3 store. Without one they are skipped with a warning; if CI is set they fail.
 * @param start makes a bucket for one test, or for all of them
 */
export function describeWithObjectStore(
  name: string,
  define: (start: () => Promise<ObjectStore>) => void,
): void {
  const isSkipped = !process.env.CI && !isSwiftInstalled();
  if (isSkipped) console.warn(MISSING);
  (isSkipped ? describe.skip : describe)(name, () => define(async () => (await startObjectStore())!));
}

async function createBucket(swift: Swift, Bucket: string): Promise<void> {
  const { endpoint, accessKeyId, secretAccessKey } = swift;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
  } finally {
    client.destroy();
  }
}

/** Stops the store when its last bucket is gone. */
async function leave(): Promise<void> {
  users -= 1;
  if (users > 0) return;
  const leaving = shared;
  shared = undefined;
  await (await leaving)?.stop();
}
