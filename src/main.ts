import { runCommandLine } from './commands/cli.js';

process.exitCode = await runCommandLine(process.argv.slice(2));
