import { loadConfig } from '../../src/foundation/config/config.js';
import { AppStartError } from '../../src/foundation/errors/app-start-error.js';
import { openStorage } from '../../src/storage/open.js';
import { startApp } from '../support/app.js';

const KEYS = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'hush-hush' };

test.each<[env: Record<string, string>, sentence: RegExp]>([
  [{ STORAGE_URL: 'file:somewhere' }, /must name a folder from the root on/],
  [{ STORAGE_URL: 'file://host/folder' }, /must name a folder from the root on/],
  [{ STORAGE_URL: 'file:/folder?a=b' }, /must name a folder from the root on/],
  [{ STORAGE_URL: 'file:/proc/nothing/here' }, /Cannot write to the storage folder/],
  [{ STORAGE_URL: 's3:' }, /must read s3:\/\/bucket\/prefix/],
  [{ STORAGE_URL: 's3://UPPER_case' }, /must read s3:\/\/bucket\/prefix/],
  [{ STORAGE_URL: 's3://bucket:99/' }, /must read s3:\/\/bucket\/prefix/],
  [{ STORAGE_URL: 's3://bucket/a/%2e%2e%2f' }, /a prefix has letters/],
  [{ STORAGE_URL: 's3://bucket/a b' }, /a prefix has letters/],
  [{ STORAGE_URL: 's3://id:hush-hush@bucket' }, /must hold no keys/],
  [{ STORAGE_URL: 's3://bucket?secret=hush-hush' }, /takes endpoint, public_endpoint, region/],
  [{ STORAGE_URL: 's3://bucket?endpoint=s3.example.org' }, /endpoint must be an origin/],
  [{ STORAGE_URL: 's3://bucket?endpoint=https://id:hush-hush@example.org' }, /endpoint must be an origin/],
  [
    { STORAGE_URL: 's3://bucket?public_endpoint=https://example.org/path' },
    /public_endpoint must be an origin/,
  ],
  [{ STORAGE_URL: 's3://bucket', ...KEYS, S3_ACCESS_KEY_ID: '' }, /come together/],
])('%j is refused with a sentence that tells no secret', async (env, sentence) => {
  const opening = openStorage(loadConfig({ env: { DATA_DIR: '/nowhere', ...env } }), Date.now);
  const error: unknown = await opening.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppStartError);
  expect((error as Error).message).toMatch(sentence);
  expect((error as Error).message).not.toContain('hush-hush');
});

test('a server does not start on such an address', async () => {
  await expect(startApp('sqlite', { env: { STORAGE_URL: 's3://bucket?nothing=known' } })).rejects.toThrow(
    AppStartError,
  );
});

test('a link leads to the name that people reach the store by, and to one object of one bucket', async () => {
  const env = {
    STORAGE_URL:
      's3://bucket/some/prefix?endpoint=http://10.0.0.1:3900&public_endpoint=https://files.example.org&region=garage',
    ...KEYS,
  };
  const storage = await openStorage(loadConfig({ env }), () => 1_800_000_000_999);
  const { url, expiresAt } = await storage.downloadUrl('a/b.gz', {
    ttlMs: 300_000,
    fileName: 'b',
    origin: 'http://x',
  });
  const { origin, pathname, searchParams } = new URL(url);
  expect({ origin, pathname }).toEqual({
    origin: 'https://files.example.org',
    pathname: '/bucket/some/prefix/a/b.gz',
  });
  expect(searchParams.get('X-Amz-Expires')).toBe('300');
  expect(searchParams.get('X-Amz-Credential')).toMatch(/^id\/\d{8}\/garage\/s3\/aws4_request$/);
  expect(expiresAt).toBe(1_800_000_300_000);
  expect(url).not.toContain('hush-hush');
});
