import { loadConfig } from '../foundation/config/config.js';
import { describeOptions } from '../foundation/config/options.js';
import { packageVersion } from '../foundation/config/package-version.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';

/** A command. Its file is imported only when it runs, as loading the whole server takes a second. */
interface Command {
  usage: string;
  about: string;
  /** @returns the exit code */
  run(args: string[]): Promise<number>;
}

const commands: Record<string, Command> = {
  start: {
    usage: 'tidemark start [options]',
    about: 'Runs the server; migrates its database first.',
    run: async (args) => {
      const config = loadConfig({ argv: args, env: process.env });
      const { serve } = await import('../serve.js');
      return serve(config);
    },
  },
  backup: {
    usage: 'tidemark backup <file> [options]',
    about: 'Writes a consistent copy of the data; the server may be running.',
    run: (args) =>
      withFile(args, async (config, file) => {
        const { backup } = await import('./backup.js');
        return backup(config, file);
      }),
  },
  restore: {
    usage: 'tidemark restore <file> [options]',
    about:
      'Brings a backup back, with new histories: clients notice and ask their people. The server must be stopped.',
    run: (args) =>
      withFile(args, async (config, file) => {
        const { restore } = await import('./restore.js');
        const { lookForObjects } = await import('./lost-objects.js');
        return (await restore(config, file)) + (await lookForObjects(config));
      }),
  },
  'renew-histories': {
    usage: 'tidemark renew-histories [options]',
    about:
      'Gives every account a new history, after data went back in time without restore: clients notice and ask their people. ' +
      'On PostgreSQL servers may be running, on SQLite the server must be stopped.',
    run: async (args) => {
      const { renewHistories } = await import('./renew-histories.js');
      return print(renewHistories(loadConfig({ argv: args, env: process.env })));
    },
  },
  documents: {
    usage: 'tidemark documents [options]',
    about: 'Lists the documents and their uploaded versions.',
    run: async (args) => {
      const { listDocuments } = await import('./documents.js');
      return print(listDocuments(args, process.env));
    },
  },
  'documents restore': {
    usage: 'tidemark documents restore <account>/<video>/<kind> <version> [--dry-run] [options]',
    about:
      'Makes an uploaded version, such as 3-1, the content again in a new epoch; on SQLite with the server stopped.',
    run: async (args) => {
      const { restoreDocument } = await import('./documents-restore.js');
      return print(restoreDocument(args, process.env));
    },
  },
  'tables check': {
    usage: 'tidemark tables check <file> [options]',
    about:
      'Says what a server started with these tables would change in its database, or why it would refuse; changes nothing.',
    run: (args) =>
      withFile(args, async (config, file) => {
        const { checkTables } = await import('./tables-check.js');
        const { declaredTables } = await import('../declared-tables.js');
        return checkTables(config, await declaredTables(file));
      }),
  },
  'tables model': {
    usage: 'tidemark tables model <file>',
    about:
      "Prints WatermelonDB's schema, migrations and model classes for these tables, as one TypeScript file.",
    run: (args) =>
      withFile(args, async (_config, file) => {
        const { printModels } = await import('./tables-model.js');
        const { declaredTables } = await import('../declared-tables.js');
        return printModels(await declaredTables(file), file);
      }),
  },
};

async function print(text: Promise<string>): Promise<number> {
  process.stdout.write(`${await text}\n`);
  return 0;
}

async function withFile(
  [file, ...rest]: string[],
  work: (config: ReturnType<typeof loadConfig>, file: string) => Promise<string>,
): Promise<number> {
  if (!file || file.startsWith('-')) throw new AppStartError('Which file? See --help.');
  if (rest[0] && !rest[0].startsWith('-')) throw new AppStartError('One file only; see --help.');
  return print(work(loadConfig({ argv: rest, env: process.env }), file));
}

function help(): string {
  const list = Object.values(commands).map(({ usage, about }) => `  ${usage}\n      ${about}`);
  return `Tidemark, an offline-first sync server.\n\n${list.join('\n')}\n\n${optionsHelp()}`;
}

function optionsHelp(): string {
  return `Options, also read from the environment (--data-dir is DATA_DIR):\n${describeOptions()}\n`;
}

/** The words that make a command together with this one. */
function secondWords(first: string): string[] {
  const start = `${first} `;
  return Object.keys(commands).flatMap((name) => (name.startsWith(start) ? [name.slice(start.length)] : []));
}

function unknownCommand(name: string): AppStartError {
  const seconds = secondWords(name);
  const fault =
    seconds.length > 0 ? `After "${name}" comes ${seconds.join(' or ')}` : `"${name}" is no command`;
  return new AppStartError(`${fault}; see --help.`);
}

const isHelp = (word: string): boolean => ['--help', '-h', 'help'].includes(word);

async function run(words: string[]): Promise<number> {
  const first = words[0];
  if (first === undefined || (first.startsWith('-') && !isHelp(first) && first !== '--version')) {
    return run(['start', ...words]);
  }
  const isNested = Object.hasOwn(commands, words.slice(0, 2).join(' '));
  const name = words.slice(0, isNested ? 2 : 1).join(' ');
  const args = words.slice(isNested ? 2 : 1);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (name === '--version') process.stdout.write(`${packageVersion()}\n`);
  else if (isHelp(name) || (!command && secondWords(name).length > 0 && isHelp(args[0] ?? '')))
    process.stdout.write(help());
  else if (!command) throw unknownCommand(name);
  else if (args.includes('--help') || args.includes('-h')) {
    const about = `${command.usage}\n${command.about}\n`;
    process.stdout.write(command.usage.includes('[options]') ? `${about}\n${optionsHelp()}` : about);
  } else return command.run(args);
  return 0;
}

/**
 * Runs one command; `start` if none is named.
 * @param words the arguments of the program
 * @returns the exit code; faults are printed on stderr
 */
export async function runCommandLine(words: string[]): Promise<number> {
  try {
    return await run(words);
  } catch (error) {
    // Print one line for a fault that the operator can fix, a stack for any other.
    const text = error instanceof AppStartError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`${text}\n`);
    return 1;
  }
}
