import { writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { forEachDatabase } from '../support/app.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { describeOnS3, FolderStore } from './stores.js';
import { expectNothingLost, isDown, tryOn } from './troubles.js';

describeOnS3('an S3 store', (open) => {
  forEachDatabase((database) => {
    test('that is down loses nothing and offers nothing broken', tryOn(database, open, isDown));
  });
});

describeWithSmallDisk('a folder on a small disk', () => {
  forEachDatabase((database) => {
    test('that is full loses nothing and offers nothing broken', async () => {
      using disk = SmallDisk.mount(4);
      const filler = join(disk.path, 'filler');
      const store = new FolderStore(join(disk.path, 'objects'));
      await expectNothingLost(database, store, {
        begin: () => expect(() => writeFileSync(filler, Buffer.alloc(5_000_000))).toThrow('ENOSPC'),
        end: () => rmSync(filler),
        reason: /^The storage is full/,
      });
    });
  });
});
