import { ObjectStorage } from '../../src/storage/storage.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import { documentState, download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { holdNext } from './hold-back.js';
import { World } from './world.js';

test('an upload ends though people write through another server meanwhile', async () => {
  await using world = await World.make('postgres');
  const laptop = await world.newDevice();
  const phone = await laptop.pair();
  moveTo(phone, (await world.startElsewhere()).url);
  await write(laptop, 'v1', ['one']);
  const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
  const writing = holdNext(world.app.nest.get(ObjectStorage), 'write', 'before');
  const upload = world.app.nest.get(UploadsService).upload(ref, { isForced: false });
  await writing.reached;
  await write(phone, 'v1', ['two']);
  writing.goOn();
  expect(await upload).toBe('uploaded');
  expect(await documentState(laptop, 'v1')).toMatchObject({
    epoch: 2,
    stored_version: { epoch: 1, server_version: 1 },
  });
  await world.pass(6);
  expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({ epoch: 2, server_version: 1 });
  expect(await download(phone, 'v1')).toEqual(['two']);
});
