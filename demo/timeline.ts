import type { WriteStream } from 'node:tty';

const COLOURS = {
  'kitchen phone': 36,
  'basement phone': 33,
  tablet: 35,
  server: 34,
  paper: 37,
} as const;

/** Who a line of the timeline is about. */
export type Actor = keyof typeof COLOURS;

const ACTOR_WIDTH = Math.max(...Object.keys(COLOURS).map((name) => name.length));
const WHEN_WIDTH = 17;

/** Prints what happens, line by line; in colour only on a terminal that has not asked for none. */
export class Timeline {
  private readonly isColoured: boolean;
  private lastDay = '';

  constructor(private readonly out: WriteStream | NodeJS.WriteStream) {
    this.isColoured = out.isTTY === true && !process.env.NO_COLOR;
  }

  /** A heading between two parts of the story. */
  heading(text: string): void {
    this.line(`\n${this.paint(1, text)}`);
  }

  /** One event: when it was (epoch ms, in the story's own time), who it happened to, what it was. */
  event(at: number, actor: Actor, text: string): void {
    const iso = new Date(at).toUTCString(); // 'Fri, 09 Jan 2026 19:30:00 GMT'
    const day = iso.slice(0, 11).replace(',', '');
    const when = `${day === this.lastDay ? ' '.repeat(day.length) : day} ${iso.slice(17, 22)}`;
    this.lastDay = day;
    const who = this.paint(COLOURS[actor], actor.padEnd(ACTOR_WIDTH));
    this.line(`${this.paint(2, when.padEnd(WHEN_WIDTH))} ${who}  ${text}`);
  }

  /** A remark that belongs to the event above it. */
  note(text: string): void {
    this.line(`${' '.repeat(WHEN_WIDTH + ACTOR_WIDTH + 3)}${this.paint(2, text)}`);
  }

  /** Columns under their heads; numbers stand to the right. */
  table(heads: string[], rows: (string | number)[][]): void {
    const widths = heads.map((head, column) =>
      Math.max(head.length, ...rows.map((row) => String(row[column]).length)),
    );
    const cell = (value: string | number, column: number): string =>
      typeof value === 'number' ? String(value).padStart(widths[column]!) : value.padEnd(widths[column]!);
    const numeric = heads.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
    const headLine = heads.map((head, c) =>
      numeric[c] ? head.padStart(widths[c]!) : head.padEnd(widths[c]!),
    );
    this.line(`  ${this.paint(1, headLine.join('   '))}`);
    for (const row of rows) this.line(`  ${row.map(cell).join('   ').trimEnd()}`);
  }

  good(text: string): void {
    this.line(`${this.paint(32, '✓')} ${text}`);
  }

  bad(text: string): void {
    this.line(`${this.paint(31, '✗')} ${text}`);
  }

  line(text: string): void {
    this.out.write(`${text}\n`);
  }

  private paint(colour: number, text: string): string {
    return this.isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text;
  }
}
