import { readFileSync } from 'node:fs';
import { loadConfig } from './config/config.js';
import { describeOptions } from './config/options.js';
import { AppStartError } from './errors/app-start-error.js';
import { backup, restore } from './operations/backup.js';
import { serve } from './serve.js';

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
    run: (args) => serve(loadConfig({ argv: args, env: process.env })),
  },
  backup: {
    usage: 'tidemark backup <file> [options]',
    about: 'Writes a consistent copy of the data; the server may be running.',
    run: (args) => withFile(args, backup),
  },
  restore: {
    usage: 'tidemark restore <file> [options]',
    about:
      'Brings a backup back, with new histories: clients notice and ask their people. The server must be stopped.',
    run: (args) => withFile(args, restore),
  },
};

async function withFile(
  [file, ...rest]: string[],
  work: (config: ReturnType<typeof loadConfig>, file: string) => Promise<string>,
): Promise<number> {
  if (!file || file.startsWith('-')) throw new AppStartError('Which file? See --help.');
  process.stdout.write(`${await work(loadConfig({ argv: rest, env: process.env }), file)}\n`);
  return 0;
}

function help(): string {
  const list = Object.values(commands).map(({ usage, about }) => `  ${usage.padEnd(36)}${about}`);
  return `Tidemark, an offline-first sync server.\n\n${list.join('\n')}\n\n${optionsHelp()}`;
}

function optionsHelp(): string {
  return `Options, also read from the environment (--data-dir is DATA_DIR):\n${describeOptions()}\n`;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

async function main([name = '', ...args]: string[]): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (name === '--version') process.stdout.write(`${version()}\n`);
  else if (['--help', '-h', 'help'].includes(name)) process.stdout.write(help());
  else if (!command) throw new AppStartError(name ? `"${name}" is no command; see --help.` : help());
  else if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.usage}\n${command.about}\n\n${optionsHelp()}`);
  } else return command.run(args);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // One line for what an operator can mend; a stack only for what nobody expected.
  process.stderr.write(
    `${error instanceof AppStartError ? error.message : ((error as Error).stack ?? String(error))}\n`,
  );
  process.exitCode = 1;
}
