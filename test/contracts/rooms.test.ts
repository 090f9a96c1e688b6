import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Who may import whom. Files directly under src/ put the rooms together and may import all of them. */
const mayImport: Record<string, string[]> = {
  protocol: [],
  errors: ['protocol'],
  config: ['protocol', 'errors'],
  events: ['protocol'],
  database: ['protocol', 'errors', 'config'],
  auth: ['protocol', 'errors', 'config', 'database', 'events'],
  sync: ['protocol', 'errors', 'config', 'database', 'events', 'auth', 'http'],
  shares: ['protocol', 'errors', 'config', 'database', 'events', 'auth', 'sync', 'http'],
  locks: ['protocol', 'errors', 'config', 'database', 'events', 'auth'],
  storage: ['protocol', 'errors', 'config', 'auth'],
  documents: ['protocol', 'errors', 'config', 'database', 'events', 'auth', 'locks', 'storage', 'http'],
  uploads: [
    'protocol',
    'errors',
    'config',
    'database',
    'events',
    'auth',
    'locks',
    'storage',
    'documents',
    'operations',
    'http',
  ],
  realtime: ['protocol', 'errors', 'config', 'database', 'events', 'auth', 'sync', 'shares'],
  operations: ['protocol', 'errors', 'config', 'database', 'events', 'auth', 'documents'],
  http: ['protocol', 'errors', 'config', 'database', 'auth'],
  web: ['errors', 'http'],
};

const src = join(process.cwd(), 'src');

interface Import {
  file: string;
  target: string;
}

function listImports(): Import[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    const found = text.matchAll(
      /^(?:import|export)\s(?:[^'";=(]*?\sfrom\s)?'([^']+)';|\bimport\('([^']+)'/gm,
    );
    return [...found].map((match) => ({ file: file.replaceAll(sep, '/'), target: match[1] ?? match[2]! }));
  });
}

const roomOf = (path: string): string | undefined => (path.includes('/') ? path.split('/')[0] : undefined);

/** The path below src/ that a relative import leads to. */
function below(file: string, target: string): string {
  return relative(src, resolve(src, dirname(file), target)).replaceAll(sep, '/');
}

const imports = listImports();

test('every room under src/ has its rule here', () => {
  const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms.map((room) => room.name).filter((name) => !(name in mayImport))).toEqual([]);
  expect(imports.length).toBeGreaterThan(50);
});

test('rooms import only the rooms they may, and nothing outside src/', () => {
  const strangers = imports.filter(({ file, target }) => {
    const from = roomOf(file);
    if (!target.startsWith('.')) return false;
    const path = below(file, target);
    if (path.startsWith('..')) return true;
    if (from === undefined) return false;
    const to = roomOf(path);
    return to !== from && (to === undefined || !mayImport[from]!.includes(to));
  });
  expect(strangers).toEqual([]);
});

test('the protocol imports no package, so that an app can share it', () => {
  const packages = imports.filter(
    ({ file, target }) => roomOf(file) === 'protocol' && !target.startsWith('.'),
  );
  expect(packages).toEqual([]);
});

test('no barrels: no file exports everything of another', () => {
  const files = [...new Set(imports.map(({ file }) => file))];
  const barrels = files.filter((file) => /^export \* from/m.test(readFileSync(join(src, file), 'utf8')));
  expect(barrels).toEqual([]);
});
