import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The text to print instead of a run: the help, or what is wrong with the command line. */
export interface NothingToRun {
  text: string;
  exitCode: number;
}

/** Runs a soak against the built server, or prints why it cannot; sets the exit code. */
export async function runSoak<S extends object>(
  settings: S | NothingToRun,
  soak: (settings: S) => Promise<number>,
): Promise<void> {
  if ('text' in settings) {
    (settings.exitCode === 0 ? console.log : console.error)(settings.text);
    process.exitCode = settings.exitCode;
    return;
  }
  if (!existsSync(join(process.cwd(), 'dist', 'app.js'))) {
    console.error('The server is not built: run "npm run build" first.');
    process.exitCode = 2;
    return;
  }
  process.exitCode = await soak(settings);
}
