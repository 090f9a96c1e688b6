import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';

const halls = ['auth', 'locks', 'storage'];

/**
 * The rooms of src/ that a room may import besides itself, `protocol` and `foundation` (`protocol` only itself). Null:
 * all of them, and the files directly in src/, which assemble the rooms.
 */
const mayImport: Record<string, string[] | null> = {
  protocol: [],
  foundation: [],
  auth: [],
  locks: [],
  storage: ['auth'],
  // The wings: records, documents. The second room of a wing builds on the first.
  sync: [...halls, 'operations'],
  shares: [...halls, 'operations', 'sync'],
  documents: [...halls, 'operations'],
  uploads: [...halls, 'operations', 'documents'],
  realtime: ['auth', 'sync', 'shares'],
  operations: ['auth'],
  web: [],
  commands: null,
};

const project = process.cwd();
const trees = ['src', 'bench', 'demo', 'client/src', 'mobile/src', 'test'].filter(existsSync);

/** A file's import, by paths below the project; `to` is null for a package. */
interface Import {
  from: string;
  to: string | null;
}

const files = trees.flatMap((tree) =>
  readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.split(sep).includes('node_modules')) // the bench installs its peers
    .map((file) => `${tree}/${file.replaceAll(sep, '/')}`),
);
const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const imports = files.flatMap(importsOf);

/** Imports and exports of others' names, static and dynamic, types included. */
function importsOf(from: string): Import[] {
  const found = texts
    .get(from)!
    .matchAll(/^(?:import|export)\s(?:[^'";=(]*?\sfrom\s)?'([^']+)';|\bimport\('([^']+)'/gm);
  return [...found].flatMap((match) => {
    const target = match[1] ?? match[2]!;
    if (!target.startsWith('.')) return { from, to: null };
    const path = relative(project, resolve(dirname(from), target)).replaceAll(sep, '/');
    const bare = path.replace(/\.js$/, '');
    // Some files of the app exist twice, for phones and for browsers.
    const endings = ['.ts', '.tsx', '.web.ts', '.web.tsx', '.native.ts', '.native.tsx'];
    const sources = endings.map((ending) => bare + ending).filter((file) => texts.has(file));
    return sources.length > 0 ? sources.map((to) => ({ from, to })) : { from, to: path };
  });
}

/** The folder directly in src/ that a file is in; null: the file is directly in src/, or not in src/ at all. */
function roomOf(path: string): string | null {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** The same, but with each folder of the foundation as a room of its own. */
function smallRoomOf(path: string): string | null {
  return /^src\/(foundation\/[^/]+|[^/]+)\//.exec(path)?.[1] ?? null;
}

/** Nodes that each have an arrow to the next, and the last to the first; empty: there is no circle. */
function findCircle(arrows: { from: string; to: string }[]): string[] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of arrows) targets.set(from, (targets.get(from) ?? new Set()).add(to));
  const cleared = new Set<string>();
  const visit = (node: string, path: string[]): string[] => {
    if (path.includes(node)) return path.slice(path.indexOf(node));
    if (cleared.has(node)) return [];
    for (const target of targets.get(node) ?? []) {
      const circle = visit(target, [...path, node]);
      if (circle.length > 0) return circle;
    }
    cleared.add(node);
    return [];
  };
  for (const node of targets.keys()) {
    const circle = visit(node, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

test('every room of src/ has its rule here', () => {
  const rooms = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms.map((room) => room.name).filter((name) => !(name in mayImport))).toEqual([]);
  expect(imports.length).toBeGreaterThan(50);
});

test('rooms import only the rooms they may, and nothing outside src/', () => {
  const strangers = imports.filter(({ from, to }) => {
    const room = roomOf(from);
    if (room === null || to === null) return from.startsWith('src/') && to?.startsWith('src/') === false;
    const target = roomOf(to);
    if (target === room) return false;
    const allowed = mayImport[room];
    if (allowed === null) return !to.startsWith('src/');
    const below = room === 'protocol' ? [] : ['protocol', 'foundation'];
    return target === null || ![...below, ...allowed!].includes(target);
  });
  expect(strangers).toEqual([]);
});

test('rooms do not import one another in a circle, and those of the foundation neither', () => {
  const arrows = imports.flatMap(({ from, to }) => {
    const rooms = { from: smallRoomOf(from), to: to && smallRoomOf(to) };
    return rooms.from && rooms.to && rooms.from !== rooms.to ? [{ from: rooms.from, to: rooms.to }] : [];
  });
  expect(findCircle(arrows)).toEqual([]);
});

test('files do not import one another in a circle', () => {
  expect(findCircle(imports.flatMap(({ from, to }) => (to ? [{ from, to }] : [])))).toEqual([]);
});

test('the protocol imports no package, so that an app can share it', () => {
  expect(imports.filter(({ from, to }) => roomOf(from) === 'protocol' && to === null)).toEqual([]);
});

test("apps share the protocol with the server, and none of the server's own code", () => {
  const strangers = imports.filter(
    ({ from, to }) => /^(client|mobile)\//.test(from) && to?.startsWith('src/') && roomOf(to) !== 'protocol',
  );
  expect(strangers).toEqual([]);
});

test('the app and the pages use the client by its package name, as other people do', () => {
  const strangers = imports.filter(
    ({ from, to }) => from.startsWith('mobile/src/') && to !== null && !/^(mobile|src\/protocol)\//.test(to),
  );
  expect(strangers).toEqual([]);
});

test('the client imports nothing but the protocol, WatermelonDB and Socket.IO', () => {
  const packages = files
    .filter((file) => file.startsWith('client/src/'))
    .flatMap((file) => [...texts.get(file)!.matchAll(/ from '([^.'][^']*)';/g)].map(([, name]) => name!));
  expect(
    [...new Set(packages)].filter(
      (name) => !/^(@nozbe\/watermelondb|@vlcn\.io\/wa-sqlite|socket\.io-client)(\/|$)/.test(name),
    ),
  ).toEqual([]);
  const strangers = imports.filter(
    ({ from, to }) => from.startsWith('client/') && to !== null && !/^(client\/src|src\/protocol)\//.test(to),
  );
  expect(strangers).toEqual([]);
});

test('only repositories hold SQL, with what they are made of and the declarations of tables', () => {
  const isAllowed = (file: string) =>
    /\.(repository|reader|sql)\.ts$|\/tables\.ts$/.test(file) ||
    // These may open databases: to connect and migrate the server's, to back it up, to import a client's, and to merge.
    /^src\/(foundation\/database|commands|documents\/(import|live\/engine|kinds\.ts$))/.test(file);
  const holders = files.filter((file) => {
    if (!file.startsWith('src/') || isAllowed(file)) return false;
    const code = texts.get(file)!.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
    return /\b(SELECT\s|INSERT INTO\s|UPDATE\s+["\w]+\s+SET\s|DELETE FROM\s)/.test(code);
  });
  expect(holders).toEqual([]);
});

test('no barrels: no file exports everything of another', () => {
  expect(files.filter((file) => /^export \* from/m.test(texts.get(file)!))).toEqual([]);
});
