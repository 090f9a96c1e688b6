import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { PROTOCOL_VERSION } from '../../src/protocol/version.js';

const FOLDER = 'src/protocol';
/** The records have their own versions (`since`), and each server may declare others. */
const NOT_HASHED = ['tables.ts'];

/** The hash of src/protocol when its version was last reviewed. */
const known = { version: 1, hash: 'd9365d412d6641c7' };

/** Hashes the files without comments and in one layout, so that only changes of code count. */
function hashOfCode(): string {
  const printer = ts.createPrinter({ removeComments: true });
  const hash = createHash('sha256');
  for (const name of readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!name.endsWith('.ts') || NOT_HASHED.includes(name)) continue;
    const text = readFileSync(join(FOLDER, name), 'utf8');
    hash.update(`${name}\n${printer.printFile(ts.createSourceFile(name, text, ts.ScriptTarget.Latest))}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

test('the wire does not change unnoticed', () => {
  const found = { version: PROTOCOL_VERSION, hash: hashOfCode() };
  if (found.version === known.version && found.hash === known.hash) return;
  throw new Error(
    [
      `The code in ${FOLDER} is not what it was. Can a client or server that is in use meet a field, an event, an error`,
      `code or a meaning that it does not know, or miss one? Then raise PROTOCOL_VERSION in ${FOLDER}/version.ts. If not`,
      `(new names inside, or what old clients ignore), keep it. Either way, set "known" in this test to what there is`,
      `now: { version: ${found.version}, hash: '${found.hash}' }.`,
    ].join('\n'),
  );
});
