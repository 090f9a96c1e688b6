import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { builtHost } from '../soak/built-host.js';
import { runSoak, type NothingToRun } from '../soak/run-soak.js';
import type { DatabaseName, Storage } from '../support/storage.js';
import { playAll } from './play-all.js';
import { describeFailure, isFailed, summarize, toTable } from './report.js';
import type { Outcome } from './outcome.js';

const HELP = `Plays runs of the status light on bad networks and holds every green light against the server's data.

  npm run soak:light -- [options]

  --runs N         how many (default 300)
  --seed S         seed of the first run, the next one takes S + 1 and so on (default 1)
  --parallel N     how many go on at once (default 8)
  --roll-back      in each run the server's data is put back to an earlier state
  --database NAME  sqlite or postgres (default: every tenth run on PostgreSQL)
  --write FILE     put the result into FILE, between its marks (default: nothing is written)
  --verbose        print the timeline of every run
  --help           this text

A false green or a client that is stuck ends the soak with exit code 1 after the last run.
`;

const MARKS = ['<!-- result -->', '<!-- /result -->'] as const;

interface Settings {
  runs: number;
  seed: number;
  parallel: number;
  file: string | null;
  isVerbose: boolean;
  isRolledBack: boolean;
  database: DatabaseName | undefined;
}

/** The settings; a text when there is nothing to run. */
function readSettings(args: string[]): Settings | NothingToRun {
  try {
    const { values } = parseArgs({
      args,
      options: {
        runs: { type: 'string', default: '300' },
        seed: { type: 'string', default: '1' },
        parallel: { type: 'string', default: '8' },
        write: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        'roll-back': { type: 'boolean', default: false },
        database: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return { text: HELP, exitCode: 0 };
    return {
      runs: natural('runs', values.runs),
      seed: natural('seed', values.seed),
      parallel: natural('parallel', values.parallel),
      file: values.write ?? null,
      isVerbose: values.verbose,
      isRolledBack: values['roll-back'],
      database: databaseName(values.database),
    };
  } catch (error) {
    return { text: `${(error as Error).message}\n\n${HELP}`, exitCode: 2 };
  }
}

function databaseName(value: string | undefined): DatabaseName | undefined {
  if (value === undefined || value === 'sqlite' || value === 'postgres') return value;
  throw new Error('--database wants sqlite or postgres.');
}

function natural(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} wants a whole number above 0.`);
  return number;
}

async function soak(settings: Settings): Promise<number> {
  const { runs, seed, parallel, file, isVerbose, isRolledBack, database } = settings;
  const startedAt = Date.now();
  const seeds = Array.from({ length: runs }, (_, index) => seed + index);
  const hostOf = (_database: DatabaseName, storage: Storage) => builtHost(storage);
  const coming = playAll({ seeds, parallel, hostOf, isRolledBack, database });
  const outcomes: Outcome[] = [];
  for (const [one, outcome] of coming) outcomes.push(report(one, await outcome, isVerbose));
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  const summary = summarize(outcomes);
  const text = `Seeds ${seed} to ${seed + runs - 1}, ${parallel} runs at once, ${minutes} minutes, Node ${process.versions.node}.\n\n${toTable(summary)}`;
  console.log(`\n${text}`);
  if (file) writeResult(file, text);
  return summary.falseGreens + summary.stuckClients === 0 ? 0 : 1;
}

function report(seed: number, outcome: Outcome, isVerbose: boolean): Outcome {
  const { plan, greenSamples, edits, timeToEqual } = outcome;
  const isBad = isFailed(outcome);
  console.log(
    `${isBad ? 'FAIL' : 'ok  '}  seed ${seed}: ${plan.clients} clients, ${plan.events.length} events in ${plan.endsAt} ms, ` +
      `${edits} edits, ${greenSamples} looks at green, all equal after ${timeToEqual ?? '—'} ms`,
  );
  if (isBad) console.log(describeFailure(outcome));
  else if (isVerbose) for (const { at, line } of outcome.timeline) console.log(`  ${at} ms  ${line}`);
  return outcome;
}

/** Replaces the text between the marks of a file. */
function writeResult(file: string, text: string): void {
  const before = readFileSync(file, 'utf8');
  const [begin, end] = MARKS.map((mark) => before.indexOf(mark)) as [number, number];
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${MARKS.join(' … ')}.`);
  writeFileSync(file, `${before.slice(0, begin)}${MARKS[0]}\n\n${text}\n\n${before.slice(end)}`);
}

void runSoak(readSettings(process.argv.slice(2)), soak);
