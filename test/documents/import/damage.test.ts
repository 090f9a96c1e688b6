import { contentOf, databaseBytes, fillWithOddities } from '../../support/databases.js';
import { Importing, LAYOUT } from './importing.js';

const importing = new Importing();

afterAll(() => importing.close());

describe('a damaged database', () => {
  test('headers that lie are refused, or make no difference', async () => {
    const lies: [at: number, bytes: number[]][] = [
      [16, [0, 1]], // pages of 65,536 bytes
      [16, [0, 0]],
      [16, [3, 0]],
      [16, [255, 255]],
      [18, [9, 9]], // unknown formats of writing and reading
      [20, [255]], // reserved bytes
      [21, [0, 0, 0]], // fractions of payload
      [28, [0xff, 0xff, 0xff, 0xfe]], // pages of the file
      [28, [0, 0, 0, 1]],
      [32, [0, 0, 0, 2]], // free pages
      [36, [0x7f, 0xff, 0xff, 0xff]],
      [44, [0, 0, 0, 9]], // schema format
      [52, [0, 0, 0, 2]], // auto-vacuum
      [56, [0, 0, 0, 0]], // encoding
      [56, [0, 0, 0, 7]],
      [60, [0xff, 0xff, 0xff, 0xff]], // user version
    ];
    const good = databaseBytes('layout', fillWithOddities(LAYOUT));
    expect(await importing.import(good)).toBeNull();
    const content = contentOf(importing.target, LAYOUT);
    const outcomes = [];
    for (const [at, lie] of lies) {
      const bytes = Buffer.from(good);
      bytes.set(lie, at);
      const refusal = await importing.import(bytes);
      if (refusal === null) expect(contentOf(importing.target, LAYOUT)).toEqual(content);
      outcomes.push(refusal);
    }
    expect(outcomes.filter((outcome) => outcome !== null).length).toBeGreaterThan(8);
  });

  test('with long values, cut off at or within each page, and with any header, it is refused', async () => {
    const good = databaseBytes('layout', (database) => {
      const insert = database.prepare('INSERT INTO elements (id, thumbnail) VALUES (?, zeroblob(?))');
      for (let n = 0; n < 4; n += 1) insert.run(`e${n}`, 50_000);
    });
    const pageBytes = good.readUInt16BE(16);
    const pages = good.length / pageBytes;
    const refused = async (bytes: Buffer) => expect(await importing.import(bytes)).not.toBeNull();
    for (let page = 0; page < pages; page += 1) await refused(good.subarray(0, page * pageBytes));
    for (const missing of [1, 5, 100, pageBytes - 100, pageBytes - 1]) {
      await refused(good.subarray(0, good.length - missing));
      for (const stated of [0, pages - 1, pages, pages + 1]) {
        const bytes = Buffer.from(good.subarray(0, good.length - missing));
        bytes.writeUInt32BE(stated, 28);
        await refused(bytes);
        bytes[18] = bytes[19] = 2; // asks for a WAL
        await refused(bytes);
      }
    }
  });

  test('cut off anywhere it is refused', async () => {
    const good = databaseBytes('layout', fillWithOddities(LAYOUT));
    for (let part = 0; part < 60; part++) {
      expect(await importing.import(good.subarray(0, Math.floor((good.length * part) / 60)))).not.toBeNull();
    }
  });
});
