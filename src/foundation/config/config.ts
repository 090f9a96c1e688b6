import { parseArgs } from 'node:util';
import { AppStartError } from '../errors/app-start-error.js';
import { postgresOptions } from './postgres-url.js';
import { isSecretTooShort, MIN_SECRET_CHARS } from './secrets.js';
import { flagOf, options, type Option, type OptionName } from './options.js';
import { normalizeOrigins } from './web-origins.js';

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<S>;

type ValueOf<O extends Option> =
  | (O['kind'] extends 'integer' ? number : O['kind'] extends 'boolean' ? boolean : string)
  | (O['default'] extends null ? null : never);

/** The validated settings: `DATA_DIR` is `dataDir`; null means not set. */
export type Config = { readonly [N in OptionName as CamelCase<N>]: ValueOf<(typeof options)[N]> };

/**
 * Reads the settings; a flag wins over the environment, which wins over the default.
 * @throws AppStartError that names all faults together
 */
export function loadConfig(from: { argv?: string[]; env?: NodeJS.ProcessEnv } = {}): Config {
  const faults: string[] = [];
  const flags = readFlags(from.argv ?? [], faults);
  const env = from.env ?? {};
  const config: Record<string, unknown> = {};
  for (const [name, option] of Object.entries<Option>(options)) {
    const flag = flags.get(flagOf(name));
    const [source, raw] = flag === undefined ? [name, env[name]] : [`--${flagOf(name)}`, flag];
    config[camelCase(name)] =
      raw === undefined || raw === '' ? option.default : parse(source, option, raw, faults);
  }
  checkTogether(config as unknown as Config, faults);
  if (faults.length > 0) throw new AppStartError(faults.join('\n'));
  return Object.freeze(config) as unknown as Config;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function readFlags(argv: string[], faults: string[]): Map<string, string> {
  const declared = Object.fromEntries(
    Object.entries<Option>(options).map(([name, option]) => [
      flagOf(name),
      { type: option.kind === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: argv, options: declared, strict: false, tokens: true });
  const flags = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${quoted(token.value)} is not an option; see --help.`);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(declared, token.name) ? declared[token.name] : undefined;
    if (!option) faults.push(`${token.rawName} is not an option; see --help.`);
    else if (option.type === 'string' && token.value === undefined)
      faults.push(`${token.rawName} needs a value.`);
    else flags.set(token.name, token.value ?? 'true');
  }
  return flags;
}

function parse(source: string, option: Option, raw: string, faults: string[]): unknown {
  if (option.kind === 'integer') {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
    const value = /^\d+$/.test(raw) ? Number(raw) : NaN;
    if (value >= min && value <= max) return value;
    faults.push(`${source} must be a whole number from ${min} to ${max}, not ${quoted(raw)}.`);
  } else if (option.kind === 'boolean') {
    if (['true', '1', 'yes'].includes(raw)) return true;
    if (['false', '0', 'no'].includes(raw)) return false;
    faults.push(`${source} must be true or false, not ${quoted(raw)}.`);
  } else if (option.kind === 'choice') {
    if (option.choices?.includes(raw)) return raw;
    faults.push(`${source} must be one of ${option.choices?.join(', ')}, not ${quoted(raw)}.`);
  } else if (option.kind === 'origins') {
    const found = normalizeOrigins(raw);
    if ('origins' in found) return found.origins;
    const fault = found.fault.includes('@') ? '…' : found.fault; // what comes before an @ may be a password
    faults.push(`${source} must list web origins such as https://app.example.org, not "${fault}".`);
  }
  return raw;
}

function checkTogether(config: Config, faults: string[]): void {
  if (config.databaseUrl !== null) checkPostgresUrl(config.databaseUrl, faults);
  const { jwtSecret, jwtSecretPrevious, operatorToken } = config;
  const secrets = {
    JWT_SECRET: jwtSecret,
    JWT_SECRET_PREVIOUS: jwtSecretPrevious,
    OPERATOR_TOKEN: operatorToken,
  };
  for (const [name, secret] of Object.entries(secrets)) {
    if (secret !== null && isSecretTooShort(secret))
      faults.push(`${name} must have at least ${MIN_SECRET_CHARS} characters.`);
  }
  if (config.storageUrl !== null && !/^(file|s3):/.test(config.storageUrl)) {
    faults.push('STORAGE_URL must begin with file: or s3: (leave it out for a folder in DATA_DIR).');
  }
  // Clients resolve the segments . and .. themselves, and would then ask elsewhere.
  if (!/^(\/(?!\.\.?(\/|$))[\w.-]+)*$/.test(config.apiPrefix))
    faults.push('API_PREFIX must be a path such as /api/v1.');
  if (/^~(\/|$)|:\/\//.test(config.dataDir))
    faults.push('DATA_DIR must be a folder; write its whole path, as ~ is read by shells alone.');
}

function checkPostgresUrl(url: string, faults: string[]): void {
  try {
    postgresOptions(url);
  } catch (error) {
    if (!(error instanceof AppStartError)) throw error;
    faults.push(error.message);
  }
}

/** A word of the operator's as a fault quotes it: an address is left out, as it may hold a password. */
export function quoted(word: string): string {
  return /[:@]/.test(word) ? '"…"' : `"${word}"`;
}
