import { parseArgs } from 'node:util';
import { runRollBacks } from '../convergence/roll-backs.js';
import { runConvergence } from '../convergence/run.js';
import { runCrash } from '../crash/crash.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { copyStorage, createStorage, type DatabaseName, type Storage } from '../support/storage.js';
import { builtHost } from './built-host.js';
import { runSoak, type NothingToRun } from './run-soak.js';

const HELP = `Plays convergence, crash and roll-back runs in turns, on both databases, until the time is over.

  npm run soak -- [options]

  --minutes N      how long; a run that has begun is finished (default 10)
  --runs N         how many runs instead of a time
  --seed S         seed of the first run, the next one takes S + 1 and so on (default: from the clock)
  --database NAME  only sqlite or only postgres
  --only KIND      only convergence, crash or roll-backs
  --steps N        events of a convergence or roll-back run (default: 100 to 500, by its seed)
  --kills N        kills of a crash run (default 10)
  --verbose        print the journal of every convergence run
  --help           this text

A failure ends the soak with exit code 1, the seed and the command that repeats the run.
`;

const KINDS = ['convergence', 'crash', 'roll-backs'] as const;
const DATABASES: DatabaseName[] = ['sqlite', 'postgres'];
type Kind = (typeof KINDS)[number];

interface Settings {
  endsAt: number;
  runs: number;
  seed: number;
  databases: DatabaseName[];
  kinds: readonly Kind[];
  steps?: number;
  kills: number;
  isVerbose: boolean;
}

/** The settings of the command line; a text when there is nothing to run. */
function readSettings(args: string[]): Settings | NothingToRun {
  try {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: 'string' },
        runs: { type: 'string' },
        seed: { type: 'string' },
        database: { type: 'string' },
        only: { type: 'string' },
        steps: { type: 'string' },
        kills: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return { text: HELP, exitCode: 0 };
    const runs = values.runs === undefined ? Infinity : natural('runs', values.runs);
    const minutes = values.minutes === undefined ? 10 : positive('minutes', values.minutes);
    return {
      endsAt:
        Number.isFinite(runs) && values.minutes === undefined ? Infinity : Date.now() + minutes * 60_000,
      runs,
      seed: values.seed === undefined ? Date.now() % 1_000_000 : natural('seed', values.seed),
      databases: values.database === undefined ? DATABASES : [oneOf('database', values.database, DATABASES)],
      kinds: values.only === undefined ? KINDS : [oneOf('only', values.only, KINDS)],
      steps: values.steps === undefined ? undefined : natural('steps', values.steps),
      kills: values.kills === undefined ? 10 : natural('kills', values.kills),
      isVerbose: values.verbose,
    };
  } catch (error) {
    return { text: `${(error as Error).message}\n\n${HELP}`, exitCode: 2 };
  }
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0)
    throw new Error(`--${name} wants a number above 0, not "${value}".`);
  return number;
}

function natural(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`--${name} wants a whole number, not "${value}".`);
  return number;
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (!found) throw new Error(`--${name} is one of ${choices.join(', ')}, not "${value}".`);
  return found;
}

const stepsOf = (seed: number): number => 100 + ((seed * 37) % 401);

/** Plays one run on its own storage. @returns its summary as text */
async function runOnce(
  kind: Kind,
  storage: Storage,
  seed: number,
  settings: Settings,
  postgres?: Postgres,
): Promise<string> {
  const summary = await play();
  return Object.entries(summary)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

  async function play(): Promise<object> {
    const steps = settings.steps ?? stepsOf(seed);
    if (kind === 'crash') return runCrash({ seed, kills: settings.kills, storage });
    if (kind === 'roll-backs') {
      const copy = (each: Storage) => copyStorage(each, { postgres });
      return runRollBacks({ seed, steps, storage, copy, hostOf: builtHost });
    }
    const listen = settings.isVerbose ? (line: string) => console.log(line) : undefined;
    return runConvergence({ seed, steps, host: await builtHost(storage), listen });
  }
}

async function soak(settings: Settings): Promise<number> {
  const counts = new Map<string, number>();
  const startedAt = Date.now();
  let postgres: Postgres | undefined;
  let done = 0;
  console.log(
    `Soaking from seed ${settings.seed} on ${settings.databases.join(' and ')}: ${settings.kinds.join(' and ')}.`,
  );
  try {
    if (settings.databases.includes('postgres')) postgres = await startPostgres({ durable: true });
    for (let seed = settings.seed; ; seed += 1) {
      for (const kind of settings.kinds) {
        for (const database of settings.databases) {
          if (done >= settings.runs || Date.now() >= settings.endsAt) return summarize(counts, startedAt);
          const label = `${kind} on ${database}`;
          const began = Date.now();
          const storage = await createStorage(database, { postgres });
          try {
            const summary = await runOnce(kind, storage, seed, settings, postgres);
            console.log(
              `ok    ${label}, seed ${seed}, ${((Date.now() - began) / 1000).toFixed(1)} s: ${summary}`,
            );
          } catch (error) {
            const steps =
              kind === 'crash' ? `--kills ${settings.kills}` : `--steps ${settings.steps ?? stepsOf(seed)}`;
            console.error(
              `FAIL  ${label}, seed ${seed}\n${error instanceof Error ? error.message : String(error)}`,
            );
            console.error(
              `Repeat it: npm run soak -- --only ${kind} --database ${database} --seed ${seed} ${steps} --runs 1`,
            );
            summarize(counts, startedAt);
            return 1;
          } finally {
            await storage.dispose();
          }
          done += 1;
          counts.set(label, (counts.get(label) ?? 0) + 1);
        }
      }
    }
  } finally {
    await postgres?.stop();
  }
}

function summarize(counts: Map<string, number>, startedAt: number): number {
  console.log(`${((Date.now() - startedAt) / 60_000).toFixed(1)} minutes; runs without a fault:`);
  for (const [label, count] of counts) console.log(`  ${label}: ${count}`);
  return 0;
}

void runSoak(readSettings(process.argv.slice(2)), soak);
