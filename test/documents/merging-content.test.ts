import { gzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import { mergingVersion } from '../../src/documents/import/merging-version.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { backgroundsIn, hold, packedLayout, putContent } from '../support/documents.js';
import { downloadLive } from '../support/live-client.js';
import { shareApp } from '../support/shared-app.js';

/** The bytes of a layout's download. */
const downloaded = async (device: TestDevice, videoId: string): Promise<Buffer> =>
  (await downloadLive(device, videoId, 'layout')).database;

function siteOf(database: BetterSqlite.Database): string {
  return database.prepare('SELECT hex(site_id) FROM crsql_site_id WHERE ordinal = 0').pluck().get() as string;
}

forEachDatabase((name) => {
  const app = shareApp(name);

  test('a content that was put can merge changes: it has the tables, at version 1, and an identity of its own', async () => {
    const ann = await app().newDevice();
    const sites = [];
    for (const videoId of ['v1', 'v2']) {
      const holding = await hold(ann, videoId);
      expect((await putContent(holding, '0-0', packedLayout(['red', 'blue']))).status).toBe(200);
      const database = new BetterSqlite(await downloaded(ann, videoId));
      expect(mergingVersion(database)).toBe(1);
      expect(database.prepare('SELECT count(*) FROM scenes__crsql_clock').pluck().get()).toBe(0);
      sites.push(siteOf(database));
      database.close();
      const ref = { accountId: ann.accountId, videoId, kind: 'layout' };
      expect(await app().nest.get(DocumentsRepository).find(ref)).toMatchObject({ hasClocks: 1 });
    }
    expect(new Set(sites).size).toBe(2);
  });

  test('a download can be put again, clocks and all: what it merged with stays behind', async () => {
    const ann = await app().newDevice();
    const holding = await hold(ann, 'v1');
    expect((await putContent(holding, '0-0', packedLayout(['red', 'blue']))).status).toBe(200);
    const database = new BetterSqlite(await downloaded(ann, 'v1'));
    const site = siteOf(database);
    database.exec(`INSERT INTO scenes__crsql_pks (id) VALUES ('scene-0')`);
    database.exec(
      `INSERT INTO scenes__crsql_clock (key, col_name, col_version, db_version, site_id, seq) VALUES (1, 'background', 7, 57, 0, 0)`,
    );
    expect(mergingVersion(database)).toBe(57);
    const changed = gzipSync(database.serialize());
    database.close();

    expect((await putContent(holding, '1-1', changed)).body).toMatchObject({ epoch: 2, server_version: 1 });
    const bytes = await downloaded(ann, 'v1');
    expect(backgroundsIn(bytes)).toEqual(['red', 'blue']);
    const again = new BetterSqlite(bytes);
    expect(mergingVersion(again)).toBe(1);
    expect(siteOf(again)).not.toBe(site);
    again.close();
  });
});
