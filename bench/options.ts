import { parseArgs } from 'node:util';
import type { Settings } from './lab/lab.js';
import { measures } from './measures/all.js';
import type { Measure } from './results.js';

const MAX_SECONDS = 5;
const DATABASES = ['sqlite', 'postgres'] as const;
/** The file for the report of a whole run. */
export const REPORT = 'bench/results.md';

/** The text of --help. */
export const HELP = `Measures Tidemark side by side with the raw limits, a naive baseline and a peer, in turns, and prints medians and ratios.

  npm run bench -- [options]

  --rounds N         rounds of every measure (default 9)
  --seconds N        how long each burst of load lasts, 1 to ${MAX_SECONDS} (default 3)
  --only NAMES       some measures, separated by commas; the report is printed, and written only with --out
  --database NAME    only sqlite or only postgres
  --no-peer          leave pouchdb-server out
  --out FILE         where the report goes (default for a whole run: ${REPORT})
  --help             this text

Measures:
${measures.map(({ name, title }) => `  ${name.padEnd(18)} ${title}`).join('\n')}

Exit code: 0 when everything was measured, whether the targets are met or not; 1 when a measure failed; 2 for an option
that cannot be used.`;

/** The options from the command line. */
export interface Options {
  settings: Settings;
  measures: Measure[];
  /** The report's file; null: none is written. */
  report: string | null;
}

/** An unusable option on the command line. */
export class UsageError extends Error {}

/** Reads the command line. @throws UsageError */
export function readOptions(argv: string[]): Options | 'help' {
  const { values } = parse(argv);
  if (values.help) return 'help';
  const chosen = values.only === undefined ? measures : values.only.split(',').map(findMeasure);
  const isWhole = values.only === undefined && values.database === undefined;
  return {
    settings: {
      rounds: wholeNumber('rounds', values.rounds ?? '9', 1, 99),
      seconds: wholeNumber('seconds', values.seconds ?? '3', 1, MAX_SECONDS),
      databases: DATABASES.filter((name) => (values.database ?? name) === name),
      withPeer: !values['no-peer'],
    },
    measures: chosen,
    report: values.out ?? (isWhole ? REPORT : null),
  };
}

function parse(argv: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const options = {
      rounds: text,
      seconds: text,
      only: text,
      database: text,
      'no-peer': flag,
      out: text,
      help: flag,
    };
    const parsed = parseArgs({ args: argv, options });
    const { database } = parsed.values;
    if (database !== undefined && !DATABASES.some((name) => name === database)) {
      throw new Error(`--database is one of ${DATABASES.join(', ')}, not "${database}".`);
    }
    return parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function findMeasure(name: string): Measure {
  const found = measures.find((measure) => measure.name === name.trim());
  if (!found) throw new UsageError(`--only: there is no measure "${name}".`);
  return found;
}

function wholeNumber(name: string, value: string, min: number, max: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`--${name} wants a whole number from ${min} to ${max}, not "${value}".`);
  }
  return number;
}
