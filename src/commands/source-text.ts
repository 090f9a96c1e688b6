const WIDTH = 80;

/** A piece of source to print: code as it is, a list, an object, or a call with one object. */
export type Source = string | Source[] | Fields | Call;

/** An object by its keys. */
export class Fields {
  /** @param isExpanded whether each key has a line of its own even where all fit on one */
  constructor(
    readonly entries: [key: string, value: Source][],
    readonly isExpanded = false,
  ) {}
}

/** The call of a function with one object. */
export class Call {
  constructor(
    readonly name: string,
    readonly argument: Fields,
  ) {}
}

/** A text as it stands in source. */
export function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1);
  const doubles = text.split('"').length;
  const singles = text.split("'").length;
  if (doubles <= singles) return `"${escaped}"`;
  return `'${escaped.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** A number as Prettier writes it. */
export function numeral(value: number): string {
  return String(value).replace('e+', 'e');
}

/**
 * Prints source as Prettier does by default, so that the printed file stays as it is in a project that uses it.
 * @param before the code before it on its line
 * @param after how many characters follow it on its line
 */
export function print(source: Source, before: string, after = 1): string {
  const line = before + flat(source);
  if (!mustBreak(source) && line.length + after <= WIDTH) return line;
  const indent = /^ */.exec(before)![0];
  if (source instanceof Call) return `${print(source.argument, `${before}${source.name}(`, after + 1)})`;
  if (Array.isArray(source)) {
    return `${before}[\n${source.map((item) => `${print(item, `${indent}  `)},\n`).join('')}${indent}]`;
  }
  if (source instanceof Fields) {
    const lines = source.entries.map(([key, value]) => `${printField(key, value, `${indent}  `)},\n`);
    return `${before}{\n${lines.join('')}${indent}}`;
  }
  return line;
}

/** Prints a key with its value. A long text goes to the next line, unless the key is hardly longer than the indent. */
function printField(key: string, value: Source, indent: string): string {
  const line = print(value, `${indent}${key}: `);
  const isLongText = typeof value === 'string' && /^["']/.test(value) && line.length + 1 > WIDTH;
  return isLongText && key.length > 4 ? `${indent}${key}:\n${indent}  ${value}` : line;
}

function flat(source: Source): string {
  if (source instanceof Call) return `${source.name}(${flat(source.argument)})`;
  if (Array.isArray(source)) return `[${source.map(flat).join(', ')}]`;
  if (typeof source === 'string') return source;
  if (source.entries.length === 0) return '{}';
  return `{ ${source.entries.map(([key, value]) => `${key}: ${flat(value)}`).join(', ')} }`;
}

function mustBreak(source: Source): boolean {
  if (source instanceof Call) return mustBreak(source.argument);
  if (Array.isArray(source)) {
    const isTable = source.every((item) => item instanceof Fields && item.entries.length > 1);
    return (isTable && source.length > 1) || source.some(mustBreak);
  }
  if (typeof source === 'string') return false;
  const isExpanded = source.isExpanded && source.entries.length > 0;
  return isExpanded || source.entries.some(([, value]) => mustBreak(value));
}

/** Prints names in braces, as after `import`. */
export function printImport(names: string[], from: string): string {
  const line = `import { ${names.join(', ')} } from "${from}";`;
  if (line.length <= WIDTH || names.length === 1) return line;
  return `import {\n${names.map((name) => `  ${name},\n`).join('')}} from "${from}";`;
}

/** Prints a decorated property of a class. */
export function printProperty(decorator: string, args: string[], name: string, types: string[]): string {
  const decorated = `  @${decorator}(${args.join(', ')})`;
  const property = `${name}!: ${types.join(' | ')};`;
  if (`${decorated} ${property}`.length <= WIDTH) return `${decorated} ${property}`;
  const first =
    decorated.length <= WIDTH
      ? decorated
      : `  @${decorator}(\n${args.map((arg) => `    ${arg},\n`).join('')}  )`;
  return `${first}\n${printTypes(name, types)}`;
}

function printTypes(name: string, types: string[]): string {
  const union = types.join(' | ');
  const line = `  ${name}!: ${union};`;
  if (line.length <= WIDTH || types.length === 1) return line;
  if (union.length + 5 <= WIDTH) return `  ${name}!:\n    ${union};`;
  return `  ${name}!:${types.map((type) => `\n    | ${type}`).join('')};`;
}
