import { readFileSync } from 'node:fs';

const source = readFileSync('src/protocol/events.ts', 'utf8');
const document = readFileSync('docs/events.md', 'utf8');

/** The members of an interface of the contract. */
function membersOf(name: string): string[] {
  const [, body = ''] = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source) ?? [];
  return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1]!);
}

const payloads = [...source.matchAll(/^export interface (\w+) /gm)]
  .map((match) => match[1]!)
  .filter((name) => !/Events$/.test(name));

test.each(['ServerEvents', 'ClientEvents'])('docs/events.md has a section for each of the %s', (name) => {
  const events = membersOf(name);
  expect(events.length).toBeGreaterThan(1);
  expect(events.filter((event) => !document.includes(`### \`${event}\``))).toEqual([]);
});

test('docs/events.md names every member of every payload', () => {
  const members = payloads.flatMap((name) => membersOf(name).map((member) => `${name}.${member}`));
  expect(members.length).toBeGreaterThan(20);
  expect(members.filter((member) => !document.includes(`\`${member.split('.')[1]}\``))).toEqual([]);
});
