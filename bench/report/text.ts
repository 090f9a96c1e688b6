import { median } from '../alternate.js';
import type { Figure, Findings, Judged, Measure } from '../results.js';
import type { Profile } from '../server/profile.js';

/** One measure with its findings, or the reason why there are none. */
export type Outcome = { measure: Measure } & (
  { findings: Findings; failure?: undefined } | { findings?: undefined; failure: string }
);

/** The verdict on a claim. */
export const verdict = ({ isMet }: Judged): string => (isMet ? 'met' : 'NOT MET');

/** A number with three significant digits, or as a whole number with separators. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The cells of a figure: contender, quantity, median, and range of the rounds. */
export function figureCells({ contender, quantity, values, unit }: Figure): string[] {
  const span = values.length > 1 ? `${format(Math.min(...values))} – ${format(Math.max(...values))}` : '';
  return [contender, quantity, `${format(median(values))} ${unit}`, span];
}

/** The cells of a claim: comparison, value, target, verdict. */
export function claimCells(claim: Judged): string[] {
  const { compares, value, unit, bound, target } = claim;
  const space = unit === '×' ? '' : ' ';
  return [compares, `${format(value)}${space}${unit}`, `${bound} ${target}${space}${unit}`, verdict(claim)];
}

/** The cells of a profile's line: share of time, and place. */
export function profileCells({ share, place }: Profile[number]): string[] {
  return [`${(share * 100).toFixed(1)} %`, place];
}

/** A measure's outcome for the terminal. */
export function toText({ measure, findings, failure }: Outcome): string {
  if (failure !== undefined) return `${measure.title}: FAILED\n${failure}\n`;
  return [
    `== ${measure.title}`,
    table(['contender', 'quantity', 'median', 'span'], findings.figures.map(figureCells)),
    '',
    table(['compared', 'value', 'target', 'verdict'], findings.claims.map(claimCells)),
    ...[...new Set(findings.claims.map(({ profile }) => profile))].flatMap((profile) =>
      profile
        ? ['', "Where the server's time goes:", table(['share', 'function'], profile.map(profileCells))]
        : [],
    ),
    '',
  ].join('\n');
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
