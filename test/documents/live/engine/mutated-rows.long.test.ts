import { rmSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import fc from 'fast-check';
import type { AppError } from '../../../../src/foundation/errors/app-error.js';
import type { ChangeValue } from '../../../../src/protocol/changes-bytes.js';
import {
  kindNamed,
  bodyOf,
  makeCopy,
  newPath,
  openCopy,
  packedKey,
  Replica,
  startEngine,
  type Engine,
  type NamedRow,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('mutated');
afterAll(() => rmSync(folder, { recursive: true }));
const layout = kindNamed('layout');
const SITE = '0123456789abcdef0123456789abcdef';
const ROWS_PER_BODY = 10;
const BODIES = 10;
/** Runs of 100 rows: 40,000 rows, half of them mutated in their meaning, half in their bytes. */
const RUNS = Number(process.env.MUTATED_RUNS ?? 400);

const byColumn: Record<string, fc.Arbitrary<ChangeValue>> = {
  scene_id: fc.string({ unit: 'binary', maxLength: 8 }),
  x: fc.double({ noNaN: true, noDefaultInfinity: true }),
  z_index: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  asset_id: fc.option(fc.string({ maxLength: 8 })),
  thumbnail: fc.option(fc.uint8Array({ maxLength: 20 })),
};

/** A row that is valid, of few records, so that they meet. */
const validRow: fc.Arbitrary<NamedRow> = fc
  .record({
    record: fc.nat(4),
    column: fc.constantFrom('-1', ...Object.keys(byColumn)),
    cl: fc.nat(5),
    version: fc.nat(4),
  })
  .chain(({ record, column, cl, version }) =>
    (byColumn[column] ?? fc.constant(null)).map((value) => {
      const causal = column === '-1' ? cl + 1 : (cl % 3) * 2 + 1;
      const colVersion = column === '-1' ? causal : version;
      return { table: 'elements', key: packedKey(`e${record}`), column, value, cl: causal, colVersion };
    }),
  );

const anyValue: fc.Arbitrary<ChangeValue> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 20 }),
);
const anyKey = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 12 }),
  fc
    .tuple(fc.constantFrom(1, 2, 0), fc.nat(255), fc.uint8Array({ maxLength: 12 }))
    .map(([parts, head, rest]) => Uint8Array.from([parts, head, ...rest])),
  fc.integer({ min: 0, max: 70_000 }).map((part) => packedKey(part)),
);
const huge = fc.oneof(
  fc.nat(8),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 20, 2 ** 20 + 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

/** The same with one of its members replaced by something else. */
const mutatedRow: fc.Arbitrary<NamedRow> = validRow.chain((row) =>
  fc.oneof(
    anyValue.map((value) => ({ ...row, value: Number.isNaN(value) ? 0 : value })),
    anyKey.map((key) => ({ ...row, key })),
    huge.map((cl) => ({ ...row, cl })),
    huge.map((colVersion) => ({ ...row, colVersion })),
    huge.map((version) => ({ ...row, cl: version, colVersion: version, column: '-1', value: null })),
    fc.constantFrom('id', 'nope', '', 'crsql', '"', '-1').map((column) => ({ ...row, column })),
    fc
      .constantFrom('scenes', 'crsql_master', 'crsql_changes', 'elements__crsql_clock', '')
      .map((table) => ({ ...row, table })),
  ),
);

const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(
      fc.array(validRow, { minLength: 1, maxLength: ROWS_PER_BODY }),
      fc.array(mutatedRow, { minLength: 1, maxLength: 2 }),
    )
    .map(([valid, mutated]) => bodyOf(SITE, [...valid, ...mutated])),
  mutatedRow.map((row) => bodyOf(SITE, [row])),
  fc
    .tuple(
      fc.array(validRow, { minLength: ROWS_PER_BODY, maxLength: ROWS_PER_BODY }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([rows, changes]) => {
      const bytes = bodyOf(SITE, rows);
      // Not the site's id, whose change is refused at once.
      for (const [place, byte] of changes) bytes[18 + (place % (bytes.length - 18))] = byte;
      return bytes;
    }),
);

/** Merges what is merged, and expects every refusal to say why. @returns how many were merged */
function applyAll(engine: Engine, path: string, bodies: Uint8Array[]): number {
  const database = openCopy(engine, path, layout);
  let merged = 0;
  for (const one of bodies) {
    const before = database.version;
    try {
      if (database.apply(one, SITE).version > before) database.commit();
      merged += 1;
    } catch (error) {
      // A trap, or an error of SQLite, would fail the test here.
      expect({ code: (error as AppError).code, error }).toMatchObject({ code: 'CHANGES_INVALID' });
      expect((error as AppError).details.rule).not.toBe('constraint');
    }
    expect(database.version - before).toBeLessThanOrEqual(1);
  }
  database.close();
  return merged;
}

test('mutated rows are merged or refused; the copy stays sound, and local writes are noticed afterwards', async () => {
  const engine = await startEngine();
  let merged = 0;
  const template = newPath(folder);
  await makeCopy(template, layout, `INSERT INTO elements (id) VALUES ('e0'), ('e1')`);
  fc.assert(
    fc.property(fc.array(body, { minLength: BODIES, maxLength: BODIES }), (bodies) => {
      const path = newPath(folder);
      new Replica(engine, layout, template, path).close();
      merged += applyAll(engine, path, bodies);
      const local = new Replica(engine, layout, path, newPath(folder));
      const before = local.version;
      local.connection.exec(`INSERT INTO scenes (id) VALUES ('local'); UPDATE elements SET x = 5`);
      expect(local.version).toBeGreaterThan(before);
      local.all(); // everything that is stored can be sent
      local.close();
      const file = new BetterSqlite(local.path, { readonly: true });
      expect(file.pragma('quick_check', { simple: true })).toBe('ok');
      file.close();
      for (const one of [path, local.path]) rmSync(one);
    }),
    { numRuns: RUNS },
  );
  // Not everything was refused, so the engine was reached.
  expect(merged).toBeGreaterThan(RUNS / 2);
});
