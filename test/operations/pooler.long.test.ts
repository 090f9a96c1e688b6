import { join } from 'node:path';
import { clockOf, moveTo, pull, push } from '../support/exchange.js';
import { describeWithPgBouncer, PgBouncer } from '../support/pgbouncer.js';
import { creating, game } from '../support/records.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, startServer } from '../support/server-process.js';
import { TestDevice } from '../support/device.js';
import { TestSocket } from '../support/socket.js';
import { expectOneLine } from './refusals.js';

const storageOf = (bouncer: PgBouncer) => ({
  env: { DATABASE_URL: bouncer.url, DATA_DIR: makeScratchDir('pooled') },
  dispose: async () => undefined,
});

describeWithPgBouncer('behind PgBouncer', () => {
  test.each([
    ['transactions', { pool_mode: 'transaction' }],
    [
      'transactions over many sessions',
      { pool_mode: 'transaction', server_round_robin: 1, min_pool_size: 8 },
    ],
    ['transactions over one session', { pool_mode: 'transaction', default_pool_size: 1 }],
    ['statements', { pool_mode: 'statement' }],
  ])(
    'that pools %s, whatever takes the lock of migrations is refused with one line',
    async (_name, settings) => {
      await using bouncer = await PgBouncer.start(settings);
      const { env } = storageOf(bouncer);
      expectOneLine(await runTidemark(['start'], { ...env, PORT: '0' }), /pool_mode=session/);
      expectOneLine(
        await runTidemark(['restore', join(process.cwd(), 'package.json')], env),
        /pool_mode=session/,
      );
      expectOneLine(await runTidemark(['renew-histories'], env), /pool_mode=session/);
    },
  );

  test('that pools sessions, two servers run, and tell each other what changes', async () => {
    await using bouncer = await PgBouncer.start({ pool_mode: 'session', default_pool_size: 60 });
    const storage = storageOf(bouncer);
    await using first = await startServer({ storage });
    await using second = await startServer({ storage });
    const phone = await TestDevice.register(first.url);
    const laptop = await phone.pair();
    moveTo(laptop, second.url);
    using socket = await TestSocket.connect(laptop);
    const { timestamp } = await push(phone, creating({ games: [game('g1')] }), await clockOf(phone));
    expect(await socket.next('changes')).toMatchObject({ timestamp });
    expect((await pull(laptop)).changes.games!.updated).toEqual([game('g1')]);
  });

  test('that pools sessions, no server that has ended keeps a restore from running', async () => {
    await using bouncer = await PgBouncer.start({ pool_mode: 'session', default_pool_size: 60 });
    const storage = storageOf(bouncer);
    const server = await startServer({ storage });
    await server.kill('SIGTERM');
    expect(await runTidemark(['renew-histories'], storage.env)).toMatchObject({ code: 0, stderr: '' });
    const noBackup = join(process.cwd(), 'package.json');
    expect((await runTidemark(['restore', noBackup], storage.env)).stderr).toMatch(/^pg_restore failed/);
  });
});
