// `npm run readme`: copies the options from the sources into README.md, between its markers. With --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, say } from './setup.mjs';

await ensureInstalled();
await ensureBuilt();
const { describeOptionsAsTable } = await import('../dist/foundation/config/options.js');
const { format, resolveConfig } = await import('prettier');

const path = join(root, 'README.md');
const before = readFileSync(path, 'utf8');
const sections = { options: describeOptionsAsTable() };

let after = before;
for (const [name, content] of Object.entries(sections)) {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [head, rest] = after.split(begin);
  after = `${head}${begin}\n\n${content}\n\n${end}${rest.split(end)[1]}`;
}
after = await format(after, { ...(await resolveConfig(path)), filepath: path });
if (after === before) say('README.md is up to date.');
else if (process.argv.includes('--check')) {
  say('README.md is behind; run `npm run readme`.');
  process.exitCode = 1;
} else {
  writeFileSync(path, after);
  say('README.md written.');
}
