/** Checks one option. @returns how it must be, as in "max must be …"; undefined: it is right */
type Check = (value: unknown) => string | undefined;

/** The latest schema version: every version is one migration, and WatermelonDB wants migrations without gaps. */
const MAX_SINCE = 10_000;
const MAX_TEXT = 10_000_000;

const wholeNumber =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `a whole number from ${min} to ${max}`;

/** Checks the schema version of a table or a column. */
export const checkSince: Check = (value) => {
  const wanted = wholeNumber(1, MAX_SINCE)(value);
  const isDate = Number.isInteger(value) && (value as number) > MAX_SINCE;
  return wanted && isDate ? `${wanted}, counted up by one from version to version` : wanted;
};
export const checkMax = wholeNumber(1, MAX_TEXT);
export const checkInteger = wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
export const checkReal: Check = (value) => (Number.isFinite(value) ? undefined : 'a finite number');
export const checkBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const LONE_SURROGATE_OR_NUL = /[\ud800-\udfff\0]/u;

/** Checks a text that both databases have to store. */
export const checkText: Check = (value) =>
  typeof value === 'string' && !LONE_SURROGATE_OR_NUL.test(value)
    ? undefined
    : 'a text without NUL and without halves of a character';

/**
 * Checks what a column function was called with. TypeScript checks it in an editor; a declaration in JavaScript, in JSON
 * or loaded without its types being checked meets these checks alone.
 * @param checks by the name of the option
 * @returns one sentence for each fault, without a full stop; undefined: there is none
 */
export function optionFaults(
  options: unknown,
  checks: Readonly<Record<string, Check>>,
): readonly string[] | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return [`its options must be an object, not ${show(options)}`];
  }
  const faults = Object.entries(options).flatMap(([name, value]) => {
    if (!Object.hasOwn(checks, name)) {
      return [`"${name}" is not an option of this kind; it has ${Object.keys(checks).join(', ')}`];
    }
    const wanted = value === undefined ? undefined : checks[name]!(value);
    return wanted === undefined ? [] : [`${name} must be ${wanted}, not ${show(value)}`];
  });
  return faults.length > 0 ? faults : undefined;
}

const MAX_SHOWN = 60;

/** A value as it stands in a declaration, shortened. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name}`;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // It contains itself, or a bigint.
  }
  const whole = typeof value === 'number' ? String(value) : (text ?? String(value));
  return whole.length > MAX_SHOWN ? `${whole.slice(0, MAX_SHOWN)}…` : whole;
}
