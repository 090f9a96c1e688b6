import { readFileSync, statSync } from 'node:fs';
import { extname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as declaration from '../../protocol/declaration.js';
import { DeclarationError, declareSchema, type Schema } from '../../protocol/schema.js';
import { AppStartError } from '../errors/app-start-error.js';
import { declareJsonTables } from './json-tables.js';

/** How a declaration imports this package's functions. */
const PACKAGE_EXPORT = 'tidemark/schema';
/** A file that is no declaration at all would fill the screen. */
const MAX_SHOWN = 20;
const PROGRAMS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/**
 * Loads a declaration of tables: a TypeScript or JavaScript file whose default export is `declareSchema({ … })`, or JSON.
 * @param file relative to the working directory
 * @param reserved names that no table can have
 * @throws AppStartError with one line for each fault, which begins with the file
 */
export async function loadTables(file: string, reserved: ReadonlySet<string> = new Set()): Promise<Schema> {
  const path = resolve(file);
  const ending = extname(path);
  if (!PROGRAMS.includes(ending) && ending !== '.json') {
    throw new AppStartError(`${file}: tables are declared in a .ts, .js or .json file.`);
  }
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new AppStartError(`${file}: there is no such file.`);
  }
  const faults: string[] = [];
  const names: string[] = [];
  try {
    const schema = ending === '.json' ? loadJson(path) : await loadProgram(path);
    names.push(...Object.keys(schema.tables));
    if (names.length === 0) faults.push('It declares no table.');
    if (!names.some((name) => reserved.has(name)) && faults.length === 0) return schema;
  } catch (error) {
    if (!isDeclarationError(error)) throw failureIn(file, error);
    faults.push(...error.faults);
    names.push(...(error.tables ?? []));
  }
  const refused = names.filter((name) => reserved.has(name));
  faults.push(
    ...refused.map(
      (name) => `Table "${name}": the server itself has that name in its database; choose another.`,
    ),
  );
  const lines = faults.slice(0, MAX_SHOWN).map((fault) => `${file}: ${fault}`);
  if (faults.length > MAX_SHOWN) lines.push(`${file}: And ${faults.length - MAX_SHOWN} more faults.`);
  throw new AppStartError(lines.join('\n'));
}

function loadJson(path: string): Schema {
  const text = readFileSync(path, 'utf8').replace(/^\ufeff/, ''); // some editors begin every file with it
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    const line = position && `line ${text.slice(0, Number(position)).split('\n').length}: `;
    const reason = message.replace(/ \(line.*/, '').replace(/\s+/g, ' ');
    throw new DeclarationError([`It is not JSON: ${line ?? ''}${reason}.`], []);
  }
  return declareJsonTables(json);
}

async function loadProgram(path: string): Promise<Schema> {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url, {
    // Node 20 runs no TypeScript. The file needs no package installed beside it.
    virtualModules: { [PACKAGE_EXPORT]: declaration },
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
  });
  const loaded = await jiti.import<{ default?: unknown }>(path);
  const exported = loaded.default ?? loaded;
  if (isSchema(exported)) return declareSchema(exported.tables);
  const rule = `Its default export must be declareSchema({ … }), with declareSchema imported from '${PACKAGE_EXPORT}'.`;
  throw new DeclarationError([rule], []);
}

/** Whether a value looks like what `declareSchema` returns; that function may be another copy's. */
function isSchema(value: unknown): value is Schema {
  if (typeof value !== 'object' || value === null) return false;
  const { version, tables } = value as Partial<Schema>;
  return Number.isInteger(version) && typeof tables === 'object' && tables !== null;
}

/** Whether an error is what `declareSchema` throws; that function may be another copy's. */
function isDeclarationError(error: unknown): error is DeclarationError {
  const { name, faults } = (error ?? {}) as Partial<DeclarationError>;
  return name === 'DeclarationError' && Array.isArray(faults);
}

/** The error of a file that cannot be read as a program, or that throws; with the line if it is known. */
function failureIn(file: string, error: unknown): AppStartError {
  const { message = String(error), stack = '', code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1];
  if (missing !== undefined && String(code).endsWith('MODULE_NOT_FOUND')) {
    return new AppStartError(`${file}: It imports '${missing}', which cannot be found.`, { cause: error });
  }
  const [first = ''] = message.split('\n');
  const place = placeIn(`${message}\n${stack}`);
  const sentence = first
    .replace(/^(ParseError|SyntaxError): /, '')
    .replace(/\(0 ?, ?[\w$]+\.([\w$]+)\)/g, '$1') // how compilers write the call of an import
    .trim();
  return new AppStartError(`${place ?? file}: ${sentence}`, { cause: error });
}

/** Where this program's own files are. */
const OWN_FOLDER = fileURLToPath(new URL('../../', import.meta.url));

/** The first place in someone's own files that a message or stack names, as `file:line:column`. */
function placeIn(text: string): string | undefined {
  const places = text.matchAll(/(?:file:\/\/)?(\/[^\s()]+|[A-Za-z]:\\[^\s()]+):(\d+):(\d+)/g);
  for (const [, file, line, column] of places) {
    if (file!.includes('/node_modules/') || file!.startsWith(OWN_FOLDER)) continue;
    const short = relative(process.cwd(), file!);
    return `${short.startsWith('..') ? file! : short}:${line}:${column}`;
  }
  return undefined;
}
