import { writeFile } from 'node:fs/promises';
import { Lab } from './lab/lab.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { describeMachine } from './report/machine.js';
import { toMarkdown } from './report/markdown.js';
import { toText, type Outcome } from './report/text.js';

/** The user pressed Ctrl-C. */
class Interruption extends Error {}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs the chosen measures. @returns whether all of them ran */
async function run({ settings, measures, report }: Options): Promise<boolean> {
  const startedAt = new Date();
  const machine = await describeMachine();
  const outcomes: Outcome[] = [];
  const lab = new Lab(settings, tell);
  // Ctrl-C is handled like an error, so that no process and no folder is left behind.
  let isInterrupted = false;
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void => ((isInterrupted = true), reject(new Interruption()));
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  });
  const measureAll = async (): Promise<void> => {
    for (const measure of measures) {
      tell(`\n${measure.title} (${measure.name})`);
      const outcome = await measure.run(lab).then(
        (findings): Outcome => ({ measure, findings }),
        (error: Error): Outcome => ({ measure, failure: error.stack ?? error.message }),
      );
      if (isInterrupted) return;
      outcomes.push(outcome);
      process.stdout.write(`\n${toText(outcome)}\n`);
    }
  };
  try {
    await Promise.race([measureAll(), interrupted]);
    machine.push(...(await lab.versions()));
  } finally {
    await lab[Symbol.asyncDispose]();
  }
  if (report !== null) {
    const peer = await lab.whyNoPeer();
    await writeFile(report, toMarkdown({ startedAt, machine, settings, outcomes, whyNoPeer: peer }));
    tell(`\nWritten to ${report}.`);
  }
  return outcomes.every(({ failure }) => failure === undefined);
}

async function main(): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === 'help') process.stdout.write(`${HELP}\n`);
    else process.exitCode = (await run(options)) ? 0 : 1;
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1;
    if (error instanceof UsageError) tell(`${error.message}\nSee --help.`);
    else if (error instanceof Interruption) tell('\nInterrupted; everything is stopped.');
    else tell((error as Error).stack ?? String(error));
  }
}

await main();
