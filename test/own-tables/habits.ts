import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchDir } from '../support/scratch.js';

/** A declaration as somebody writes it who has nothing but the server: a habit tracker. */
export const HABITS = `
import { boolean, choice, declareSchema, integer, optionalRef, ref, text, timestamp } from 'tidemark/schema';

export default declareSchema({
  habits: {
    since: 1,
    columns: {
      name: text({ max: 200 }),
      cadence: choice(['daily', 'weekly'], { default: 'daily' }),
      goal: integer({ default: 1 }),
      archived: boolean(),
    },
  },
  entries: {
    since: 1,
    columns: { habit_id: ref('habits'), done_at: timestamp(), amount: integer({ optional: true }) },
  },
  notes: {
    since: 1,
    columns: {
      habit_id: ref('habits'),
      entry_id: optionalRef('entries'),
      body: text({ max: 5_000, optional: true }),
    },
  },
});
`;

/** An empty folder outside the project, with the files that a test puts into it. */
export class Folder implements Disposable {
  readonly path = makeScratchDir('own-tables');

  /** @param files texts by name */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    writeFileSync(this.join(name), text);
  }

  makeFolder(name: string): void {
    mkdirSync(this.join(name));
  }

  join(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
