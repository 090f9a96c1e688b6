import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import BetterSqlite from 'better-sqlite3';
import { loadConfig } from '../../src/foundation/config/config.js';
import { makeS3Client } from '../../src/storage/drivers/s3-client.js';
import { parseS3Url, type S3Options } from '../../src/storage/drivers/s3-url.js';
import { FaultyStore } from '../storage/faulty-store.js';
import type { TestDevice } from '../support/device.js';
import { pathOf } from '../support/documents.js';
import { describeWithObjectStore, type ObjectStore } from '../support/object-store.js';
import { makeScratchDir } from '../support/scratch.js';
import { objectsIn } from './world.js';

/** A store whose objects a test reads directly. */
export interface TestStore extends AsyncDisposable {
  /** The server options that select the store. */
  readonly env: Record<string, string>;
  /** The bytes of all objects, by key. */
  objects(): Promise<Map<string, Buffer>>;
}

/** A folder for the `file:` driver. */
export class FolderStore implements TestStore {
  readonly env: Record<string, string>;

  /** @param folder default: a new one, which is removed with the store */
  constructor(readonly folder = join(makeScratchDir('store'), 'objects')) {
    this.env = { STORAGE_URL: `file:${folder}` };
  }

  async objects(): Promise<Map<string, Buffer>> {
    return new Map(objectsIn(this.folder).map((key) => [key, readFileSync(join(this.folder, key))]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(dirname(this.folder), { recursive: true, force: true });
  }
}

/** A bucket of a real S3 store for the `s3:` driver, behind a proxy whose faults a test decides. */
export class BucketStore implements TestStore {
  private constructor(
    readonly env: Record<string, string>,
    readonly way: FaultyStore,
    private readonly store: ObjectStore,
    private readonly options: S3Options,
    private readonly client: S3Client,
  ) {}

  static async open(start: () => Promise<ObjectStore>): Promise<BucketStore> {
    const store = await start();
    const options = parseS3Url(store.env.STORAGE_URL!, loadConfig({ argv: [], env: store.env }));
    const way = new FaultyStore(options.endpoint!);
    const env = {
      ...store.env,
      STORAGE_URL: store.env.STORAGE_URL!.replace(options.endpoint!, await way.listen()),
    };
    return new BucketStore(env, way, store, options, makeS3Client(options));
  }

  async objects(): Promise<Map<string, Buffer>> {
    const { bucket: Bucket, prefix: Prefix } = this.options;
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket, Prefix }));
    const objects = new Map<string, Buffer>();
    for (const { Key } of Contents) {
      const { Body } = await this.client.send(new GetObjectCommand({ Bucket, Key }));
      objects.set(Key!.slice(Prefix.length), await buffer(Body as Readable));
    }
    return objects;
  }

  /** How many multipart uploads are neither finished nor aborted. */
  async unfinished(): Promise<number> {
    const list = new ListMultipartUploadsCommand({ Bucket: this.options.bucket });
    return (await this.client.send(list)).Uploads?.length ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.way[Symbol.asyncDispose]();
    await this.store.dispose();
  }
}

/** Declares tests on S3; the store runs until all have ended. @param define gets `open`, which makes a bucket */
export function describeOnS3(name: string, define: (open: () => Promise<BucketStore>) => void): void {
  describeWithObjectStore(name, (start) => {
    let kept: ObjectStore;
    beforeAll(async () => {
      kept = await start();
    });
    afterAll(async () => {
      await kept?.dispose();
    });
    define(() => BucketStore.open(start));
  });
}

/** Declares the same tests for every kind of store. @param define gets `open`, which makes an empty store */
export function forEachStore(define: (open: () => Promise<TestStore>) => void): void {
  describe('with files', () => define(async () => new FolderStore()));
  describeOnS3('with S3', define);
}

/** In hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Whether an object is a complete, intact database. */
export function isWhole(packed: Uint8Array): boolean {
  const database = new BetterSqlite(gunzipSync(packed));
  try {
    return database.pragma('integrity_check', { simple: true }) === 'ok';
  } finally {
    database.close();
  }
}

/**
 * Checks that every listed version of these videos has an object of the stated size and hash, complete and intact.
 * @returns the listed epochs, by video, the newest first
 */
export async function expectWholeOffers(
  device: TestDevice,
  videos: readonly string[],
  store: TestStore,
): Promise<Record<string, number[]>> {
  const offered: Record<string, { epoch: number; sha256: string; size_bytes: number }[]> = {};
  for (const video of videos) {
    const reply = await device.request('GET', `${pathOf(video)}/versions`);
    expect(reply.status).toBe(200);
    offered[video] = reply.body.versions as (typeof offered)[string];
  }
  // Read after the lists, as the server may upload meanwhile.
  const objects = new Map([...(await store.objects()).values()].map((bytes) => [sha256(bytes), bytes]));
  for (const [video, versions] of Object.entries(offered)) {
    for (const { epoch, sha256, size_bytes } of versions) {
      const bytes = objects.get(sha256);
      expect([video, epoch, bytes?.length]).toEqual([video, epoch, size_bytes]);
      expect([video, epoch, isWhole(bytes!)]).toEqual([video, epoch, true]);
    }
  }
  const epochs = Object.entries(offered).map(([video, versions]) => [
    video,
    versions.map(({ epoch }) => epoch),
  ]);
  return Object.fromEntries(epochs) as Record<string, number[]>;
}
