import { existsSync, readFileSync } from 'node:fs';
import { options, type Option } from '../../src/foundation/config/options.js';

const read = (path: string): string => readFileSync(path, 'utf8');
const readme = read('README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** The rows of the first table under a heading, cells trimmed; backslash-escaped bars belong to their cell. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );
}

test("the README's use of the client is that of client/README.md, which a test installs and runs", () => {
  const [, here] = codeBlocks(readme);
  expect(here).toContain("from '@tidemark/client'");
  expect(codeBlocks(read('client/README.md'))).toContain(here);
});

/** The TypeScript blocks of a Markdown text, without the indent of a list. */
function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^( *)```ts\n([^]*?)^ *```$/gm)].map(([, indent, code]) =>
    code!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

test("the README's table of options is the server's own: names, defaults, sentences, order", () => {
  const expected = Object.entries<Option>(options).map(([name, option]) => [
    `\`${name}\``,
    option.default === null ? '' : `\`${option.default}\``,
    option.about,
  ]);
  expect(expected.length).toBeGreaterThan(10);
  expect(tableUnder('Options')).toEqual(expected);
});

test('every npm script that the README names exists', () => {
  const named = [...readme.matchAll(/\bnpm (?:run )?(start|test|[a-z:-]+)\b/g)].map((match) => match[1]!);
  const own = ['ci', 'install', 'i', 'pack', 'run'];
  expect(named).toEqual(expect.arrayContaining(['start', 'test']));
  expect([...new Set(named)].filter((name) => !own.includes(name) && !(name in scripts))).toEqual([]);
});

test('every file that the README links to exists', () => {
  const targets = [...readme.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)].map(
    (match) => match[1]!,
  );
  expect(targets.length).toBeGreaterThan(0);
  expect(targets.filter((path) => !existsSync(path))).toEqual([]);
});
