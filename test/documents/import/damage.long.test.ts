import { databaseBytes, fillWithOddities, sqlOf, withCrSqlite } from '../../support/databases.js';
import { Importing, LAYOUT, reading } from './importing.js';

const importing = new Importing();

afterAll(() => importing.close());

describe('a damaged database', () => {
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

/** Damages bytes of one kind: anywhere, page headers, the schema, swapped pages, or runs of noise. */
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
