import type { Column } from '../protocol/columns.js';
import type { Schema } from '../protocol/schema.js';

/** Plurals that no rule below turns into their singular; `data` and the like are their own. */
const SINGULARS: Record<string, string> = {
  ...Object.fromEntries(
    'data media news series species equipment information software metadata lens canvas atlas bias alias gas chaos'
      .split(' ')
      .map((word) => [word, word]),
  ),
  people: 'person',
  children: 'child',
  men: 'man',
  women: 'woman',
  feet: 'foot',
  teeth: 'tooth',
  geese: 'goose',
  mice: 'mouse',
  indices: 'index',
  vertices: 'vertex',
  matrices: 'matrix',
  criteria: 'criterion',
  analyses: 'analysis',
  crises: 'crisis',
  diagnoses: 'diagnosis',
  hypotheses: 'hypothesis',
  theses: 'thesis',
  leaves: 'leaf',
  knives: 'knife',
  lives: 'life',
  wives: 'wife',
  shelves: 'shelf',
  halves: 'half',
  wolves: 'wolf',
  thieves: 'thief',
  loaves: 'loaf',
  movies: 'movie',
  cookies: 'cookie',
  shoes: 'shoe',
  caches: 'cache',
  aches: 'ache',
  quizzes: 'quiz',
  menus: 'menu',
  uses: 'use',
  excuses: 'excuse',
};

/** The ending of a plural and that of its singular; the first that fits counts. */
const ENDINGS: [plural: RegExp, singular: string][] = [
  [/(^[^aeiouy]+|ss|us|is)$/, '$1'],
  [/^(.)ies$/, '$1ie'],
  [/ies$/, 'y'],
  [/([oa]use)s$/, '$1'],
  [/(us|ss|sh|ch|x|zz|canvas|alias|atlas|bias|gas)es$/, '$1'],
  [/([^aeio]o)es$/, '$1'],
  [/([^s])s$/, '$1'],
];

function singular(word: string): string {
  const known = SINGULARS[word];
  if (known !== undefined) return known;
  const ending = ENDINGS.find(([plural]) => plural.test(word));
  return ending ? word.replace(...ending) : word;
}

const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
const wordsOf = (name: string) => name.split('_').filter((word) => word !== '');
const pascalCase = (words: string[]) => words.map(capitalized).join('');

/** `sent_at` → `sentAt`. */
export function camelCase(name: string): string {
  const [first = '', ...rest] = wordsOf(name);
  return first + pascalCase(rest);
}

/** What the module itself means by these names. */
const TAKEN_CLASSES = [
  'Model',
  'DeclaredModel',
  'Collection',
  'Query',
  'Relation',
  'Date',
  'Error',
  'Object',
];
const TAKEN_TYPES = ['Readonly', 'Record', 'Value'];

/** Chooses the first candidate that is free, or else the last one with a number, and takes it. */
function take(candidates: string[], taken: Set<string>): string {
  let name = candidates.find((candidate) => !taken.has(candidate));
  for (let number = 2; name === undefined; number++) {
    const numbered = candidates.at(-1)! + number;
    if (!taken.has(numbered)) name = numbered;
  }
  taken.add(name);
  return name;
}

/**
 * The names of the model classes, by table: `game_players` → `GamePlayer`. Of two tables that would have the same, the
 * one declared first gets it, so that a new table renames no class.
 */
export function classNames({ tables }: Schema): Map<string, string> {
  const taken = new Set([...TAKEN_CLASSES, ...TAKEN_TYPES]);
  return new Map(
    Object.keys(tables).map((table) => {
      const words = wordsOf(table);
      const one = pascalCase([...words.slice(0, -1), singular(words.at(-1)!)]);
      const all = pascalCase(words);
      return [table, take([one, all, `${one}Model`], taken)];
    }),
  );
}

/** What WatermelonDB's Model and every object have, and a property of a model must not hide. */
export const MODEL_MEMBERS = [
  ...['id', 'table', 'collection', 'collections', 'database', 'db', 'asModel', 'syncStatus', 'batch'],
  ...['update', 'prepareUpdate', 'markAsDeleted', 'prepareMarkAsDeleted', 'observe'],
  ...['destroyPermanently', 'prepareDestroyPermanently', 'callReader', 'callWriter', 'subAction'],
  ...['experimentalMarkAsDeleted', 'experimentalDestroyPermanently', 'experimentalSubscribe'],
  ...['constructor', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable'],
  ...['toLocaleString', 'toString', 'valueOf'],
];

/** The properties of a model class, each by the column or table that it stands for. */
export interface PropertyNames {
  columns: Map<string, string>;
  /** By the column of the reference. */
  relations: Map<string, string>;
  /** By the table of the children. */
  children: Map<string, string>;
}

/** The columns that WatermelonDB sets itself, because it finds their property. */
export const TIMES = new Map([
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
]);

/**
 * Chooses the names of a model's properties. Columns choose first, in the order of their declaration, so that a column
 * keeps its property when others are added after it.
 */
export function propertyNames(columns: [name: string, column: Column][], children: string[]): PropertyNames {
  const taken = new Set([...MODEL_MEMBERS, ...TIMES.values()]);
  const references = columns.filter(([, column]) => column.references !== undefined);
  return {
    columns: new Map(
      columns.map(([name]) => {
        const property = camelCase(name);
        return [name, TIMES.get(name) ?? take([property, `${property}Column`], taken)];
      }),
    ),
    relations: new Map(
      references.map(([name]) => {
        const property = camelCase(name.replace(/_id$/, ''));
        return [name, take([property, `${property}Record`], taken)];
      }),
    ),
    children: new Map(
      children.map((table) => [table, take([camelCase(table), `${camelCase(table)}Records`], taken)]),
    ),
  };
}
