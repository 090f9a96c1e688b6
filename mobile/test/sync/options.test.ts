import { Tidemark, type TidemarkOptions } from '@tidemark/client';
import { synchronize } from '../../src/session/synchronize';
import { newDatabase } from '../support/new-database';
import { sharedServer } from '../support/server';

const server = sharedServer();

async function open(options: Partial<TidemarkOptions>): Promise<Tidemark> {
  const database = await newDatabase();
  const device = { name: 'phone', platform: 'node' };
  return Tidemark.open({ database, synchronize, serverUrl: server.url, device, ...options });
}

test('an address may end with a slash', async () => {
  const tidemark = await open({ serverUrl: `${server.url}/` });
  expect(tidemark.serverUrl).toBe(server.url);
  await tidemark.sync();
  await tidemark.setServerUrl(`${server.url}/`);
  expect(tidemark.serverUrl).toBe(server.url);
  await tidemark.sync();
  await tidemark.close();
});

test.each(['127.0.0.1:3000', 'ws://127.0.0.1:3000', 'http://127.0.0.1:3000/api/v1', ' ', 'http://'])(
  'no client is made for the address "%s"',
  async (serverUrl) => {
    await expect(open({ serverUrl })).rejects.toThrow(
      `serverUrl: "${serverUrl}" is not an origin such as https://sync.example.org.`,
    );
  },
);

test('a wrong address changes nothing later either', async () => {
  const tidemark = await open({});
  await expect(tidemark.setServerUrl('127.0.0.1:3000')).rejects.toThrow('is not an origin');
  await expect(
    tidemark.join('AAAAAAAA', { serverUrl: '127.0.0.1:3000', localData: 'bring-along' }),
  ).rejects.toThrow('is not an origin');
  expect(tidemark.serverUrl).toBe(server.url);
  await tidemark.close();
});

test('without synchronize no client is made', async () => {
  await expect(open({ synchronize: undefined as never })).rejects.toThrow(/^synchronize: pass the function/);
});

test('a misspelled way is refused, and nothing happens', async () => {
  const tidemark = await open({});
  await expect(tidemark.resolve('start_fresh' as never)).rejects.toThrow(
    'resolve: "start_fresh" is none of take-server, upload-everything, start-fresh.',
  );
  const joining = tidemark.join('AAAAAAAA', { localData: 'bring' as never });
  await expect(joining).rejects.toThrow('localData: "bring" is none of bring-along, start-fresh.');
  await expect(tidemark.join('AAAAAAAA', undefined as never)).rejects.toThrow('localData');
  await tidemark.close();
});

test('without a device no client is made', async () => {
  await expect(open({ device: undefined as never })).rejects.toThrow('device: pass { name, platform }.');
});
