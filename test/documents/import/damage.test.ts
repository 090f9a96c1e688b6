import { contentOf, databaseBytes, fillWithOddities, sqlOf, withCrSqlite } from '../../support/databases.js';
import { Importing, LAYOUT, reading } from './importing.js';

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

  test('cut off anywhere it is refused', async () => {
    const good = databaseBytes('layout', fillWithOddities(LAYOUT));
    for (let part = 0; part < 60; part++) {
      expect(await importing.import(good.subarray(0, Math.floor((good.length * part) / 60)))).not.toBeNull();
    }
  });

  test('damaged at random it is refused, or arrives as sound rows of the kind', async () => {
    const seed = Number(process.env.TIDEMARK_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.info(`Damaging from seed ${seed}; TIDEMARK_SEED replays it.`);
    const random = randomFrom(seed);
    const goods = [512, 4096].map((pageBytes) =>
      databaseBytes(null, (database) => {
        database.pragma(`page_size = ${pageBytes}`);
        database.exec(sqlOf('layout'));
        fillWithOddities(LAYOUT)(database);
        withCrSqlite(LAYOUT)(database);
        database.exec('ANALYZE');
      }),
    );
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const good = goods[round % 2]!;
      const refusal = await importing.import(damaged(good, good.readUInt16BE(16), random));
      if (refusal === null) {
        const check = reading(importing.target, (database) =>
          database.pragma('integrity_check', { simple: true }),
        );
        expect({ seed, round, check }).toEqual({
          seed,
          round,
          check: 'ok',
        });
      } else {
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(await importing.import(goods[0]!)).toBeNull();
  });
});

/** Bytes of one kind of place: anywhere, the heads of pages, the schema, whole pages swapped, runs of noise. */
function damaged(good: Buffer, pageBytes: number, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(good);
  const pages = bytes.length / pageBytes;
  const way = random(5);
  for (let count = 1 + random(way === 3 ? 2 : 8); count > 0; count--) {
    const page = random(pages) * pageBytes;
    if (way === 0) bytes[100 + random(bytes.length - 100)] = random(256);
    if (way === 1) bytes[page + (page === 0 ? 100 : 0) + random(24)] = random(256);
    if (way === 2) bytes[100 + random(Math.min(bytes.length, 4 * pageBytes) - 100)] = random(256);
    if (way === 3) bytes.copy(bytes, page, random(pages) * pageBytes, (1 + random(pages)) * pageBytes);
    if (way === 4)
      for (let at = 0; at < 40; at++) bytes[Math.max(100, page + random(pageBytes))] = random(256);
  }
  return bytes;
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
