import { moveDurably } from '../../src/foundation/files/durable-move.js';
import { syncToDisk, syncToDiskSync } from '../../src/foundation/files/sync-to-disk.js';

// The folders of /proc cannot be synced (EINVAL), as those of some network and FUSE file systems.
const describeOnLinux = process.platform === 'linux' ? describe : describe.skip;

describeOnLinux('on a file system that cannot sync', () => {
  test('a folder need not be synced', async () => {
    await syncToDisk('/proc/self');
    syncToDiskSync('/proc/self');
  });

  test('a file must be', async () => {
    await expect(syncToDisk('/proc/self/comm')).rejects.toThrow('EINVAL');
    expect(() => syncToDiskSync('/proc/self/comm')).toThrow('EINVAL');
  });

  test('a folder that is missing is an error', async () => {
    await expect(syncToDisk('/proc/self/missing')).rejects.toThrow('ENOENT');
    await expect(moveDurably('/proc/self/missing', '/proc/self/file', '/proc/self')).rejects.toThrow(
      'ENOENT',
    );
  });
});
