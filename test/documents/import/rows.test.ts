import { contentOf, databaseBytes, sqlOf } from '../../support/databases.js';
import { Importing, LAYOUT } from './importing.js';

const importing = new Importing();

afterAll(() => importing.close());

const layoutWith = (sql: string) => databaseBytes('layout', (database) => database.exec(sql));

describe('a row', () => {
  const MAX_ROW_BYTES = 67_108_864;
  const TOO_LARGE = `A row of elements has more than ${MAX_ROW_BYTES} bytes, the most that one may have.`;

  test('of many megabytes arrives', async () => {
    const bytes = layoutWith(`INSERT INTO elements (id, thumbnail) VALUES ('large', zeroblob(67000000))`);
    expect(await importing.import(bytes)).toBeNull();
    expect(contentOf(importing.target, LAYOUT)).toEqual(contentOf(importing.source, LAYOUT));
  });

  test('of more than may be is refused, as one value or several, and whatever holds it', async () => {
    const one = `INSERT INTO elements (id, thumbnail) VALUES ('a', zeroblob(${MAX_ROW_BYTES}))`;
    expect(await importing.import(layoutWith(one))).toBe(TOO_LARGE);
    const two = `INSERT INTO elements (id, style, thumbnail)
      VALUES ('a', CAST(zeroblob(40000000) AS TEXT), zeroblob(40000000))`;
    expect(await importing.import(layoutWith(two))).toBe(TOO_LARGE);
    const loose = databaseBytes(null, (database) => {
      database.exec(sqlOf('layout').replaceAll('STRICT', 'WITHOUT ROWID'));
      database.exec(`INSERT INTO elements (id, x) VALUES ('a', zeroblob(${MAX_ROW_BYTES}))`);
    });
    expect(await importing.import(loose)).toBe(TOO_LARGE);
  });
});

describe('a real', () => {
  test.each(['9e999', '-9e999'])('that is %s is refused', async (real) => {
    const inPlace = layoutWith(`INSERT INTO elements (id, height) VALUES ('a', 1), ('b', ${real})`);
    expect(await importing.import(inPlace)).toBe('The column elements.height has an infinite number.');
    const bytes = layoutWith(`INSERT INTO scenes (id, position) VALUES ('a', ${real})`);
    expect(await importing.import(bytes)).toBe('The column scenes.position has an infinite number.');
  });

  test('that is infinite only once it is one, is refused', async () => {
    const bytes = databaseBytes(null, (database) => {
      database.unsafeMode(true);
      database.exec(sqlOf('layout').replaceAll('STRICT', '').replace('x REAL', 'x BLOB'));
      database.exec(`INSERT INTO elements (id, x) VALUES ('a', '9e999'); PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'x BLOB', 'x REAL') WHERE name = 'elements'`);
    });
    expect(await importing.import(bytes)).toMatch(/elements\.x/);
  });

  test('may be as large or small as there are', async () => {
    const reals = ['1.7976931348623157e308', '-1.7976931348623157e308', '5e-324', '-0.0'];
    const rows = reals.map((real, index) => `('${index}', ${real})`).join(', ');
    expect(await importing.import(layoutWith(`INSERT INTO elements (id, x) VALUES ${rows}`))).toBeNull();
    expect(contentOf(importing.target, LAYOUT)).toEqual(contentOf(importing.source, LAYOUT));
  });
});

describe('a text', () => {
  const elementOf = (id: string, scene: string) =>
    layoutWith(`INSERT INTO elements (id, scene_id) VALUES ('first', 'scene'),
      (CAST(x'${id}' AS TEXT), CAST(x'${scene}' AS TEXT))`);

  test.each<[what: string, id: string, scene: string]>([
    ['that is no UTF-8', 'ff', ''],
    ['that goes on where nothing began', '61', '80'],
    ['with half a character', '61c3', ''],
    ['with half a character, of which the next text has the other', '61c3', 'a9'],
    ['with a character in too many bytes', 'c0af', ''],
    ['with half of a pair', 'eda080', ''],
    ['with a character above all', 'f4908080', ''],
    ['that goes wrong behind a NUL', '6100ff', ''],
    ['that goes wrong behind a replacement character', 'efbfbdff', ''],
  ])('%s is refused', async (_what, id, scene) => {
    expect(await importing.import(elementOf(id, scene))).toBe('A text of elements is not valid UTF-8.');
  });

  test('of other tables is held to the same', async () => {
    const bytes = layoutWith(`INSERT INTO scenes (id, background) VALUES ('a', CAST(x'ff' AS TEXT))`);
    expect(await importing.import(bytes)).toBe('A text of scenes is not valid UTF-8.');
  });

  test('may have every character there is', async () => {
    const characters = ['00', '7f', 'c280', 'dfbf', 'e0a080', 'efbfbd', 'efbfbf', 'f0908080', 'f48fbfbf', ''];
    for (const character of characters) {
      expect(await importing.import(elementOf(`61${character}62`, character))).toBeNull();
      expect(contentOf(importing.target, LAYOUT)).toEqual(contentOf(importing.source, LAYOUT));
    }
  });
});
