import { Logger } from '@nestjs/common';
import pg from 'pg';
import { ClusterConnection } from '../../src/foundation/sockets/cluster-connection.js';
import { until } from '../support/exchange.js';
import { createStorage, type Storage } from '../support/storage.js';

/** What Socket.IO's adapter relies on: it gets each failure once, and one connection is open. */
describe('the connection to the other processes', () => {
  let storage: Storage;
  let connection: ClusterConnection;
  let observer: pg.Client;

  beforeAll(() => Logger.overrideLogger(false));

  beforeEach(async () => {
    storage = await createStorage('postgres');
    connection = new ClusterConnection(storage.env.DATABASE_URL!);
    observer = new pg.Client({ connectionString: storage.env.DATABASE_URL });
    await observer.connect();
  });

  afterEach(async () => {
    connection.close();
    await observer.end();
    await storage.dispose();
  });

  const others = 'FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  const open = async () => (await observer.query<{ pid: number }>(`SELECT pid ${others}`)).rows.length;

  test('is ended when LISTEN is refused, which is told as an error and not as an end, too', async () => {
    const client = await connection.connect();
    let ends = 0;
    client.on('end', () => (ends += 1));
    await expect(client.query('LISTEN no such channel')).rejects.toThrow('syntax error');
    await until(open, (count) => count === 0);
    expect(ends).toBe(0);
    await (await connection.connect()).query('LISTEN again');
    expect((await connection.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await open()).toBe(1);
  });

  test('that breaks before LISTEN is answered is told as an error, later as an end', async () => {
    const client = await connection.connect();
    let ends = 0;
    client.on('end', () => (ends += 1));
    const asked = client.query('SELECT pg_sleep(60)');
    const refused = expect(asked).rejects.toThrow();
    await observer.query(`SELECT pg_terminate_backend(pid) ${others}`);
    await refused;
    await until(open, (count) => count === 0);
    expect(ends).toBe(0);

    const second = await connection.connect();
    second.on('end', () => (ends += 1));
    await second.query('LISTEN again');
    await observer.query(`SELECT pg_terminate_backend(pid) ${others}`);
    await until(
      () => ends,
      (n) => n === 1,
    );
    await expect(connection.query('SELECT 1')).rejects.toThrow('Not connected');
  });

  test('ends when there is a newer one, whose life it does not touch', async () => {
    const clients = await Promise.race([
      Promise.all([connection.connect(), connection.connect(), connection.connect()]),
      until(open, (count) => count === 1).then(() => []),
    ]);
    expect(clients).toEqual([]);
    const newest = await connection.connect();
    await newest.query('LISTEN again');
    await until(open, (count) => count === 1);
    expect((await connection.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    connection.close();
    await until(open, (count) => count === 0);
  });
});
