import type { Outcome } from './outcome.js';

const SHOWN_MS = 12_000;
const SHOWN_FAULTS = 5;

/** Whether a run had a false green or a stuck device. */
export function isFailed({ falseGreens, stuck }: Outcome): boolean {
  return falseGreens.length > 0 || stuck.length > 0;
}

/** Describes why a run failed, with the events before. */
export function describeFailure(outcome: Outcome): string {
  const { seed, startedAt, falseGreens, stuck, timeline } = outcome;
  const lines = [`Seed ${seed}: ${falseGreens.length} false greens, ${stuck.length} clients stuck.`];
  for (const { device, at, what } of falseGreens.slice(0, SHOWN_FAULTS)) {
    lines.push(`${at - startedAt} ms: ${device} was ${what}`);
  }
  lines.push(...stuck.map((why) => `stuck: ${why}`));
  const first = falseGreens[0];
  const end = first ? first.at - startedAt + 200 : Infinity;
  const begin = (first ? end : (timeline.at(-1)?.at ?? 0)) - SHOWN_MS - (first ? 0 : SHOWN_MS);
  lines.push('What happened before:');
  for (const { at, line } of timeline) if (at >= begin && at <= end) lines.push(`  ${at} ms  ${line}`);
  return lines.join('\n');
}

/** The figures of many runs. */
export interface Summary {
  runs: number;
  clients: number;
  edits: number;
  faults: number;
  restarts: number;
  greenSamples: number;
  falseGreens: number;
  runsWithFalseGreens: number[];
  stuckClients: number;
  runsStuck: number[];
  timeToGreen: { p50: number; p99: number; max: number };
  timeToEqual: { p50: number; p99: number; max: number };
}

export function summarize(outcomes: readonly Outcome[]): Summary {
  const sumOf = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  const seedsWhere = (is: (outcome: Outcome) => boolean): number[] =>
    outcomes.filter(is).map(({ seed }) => seed);
  return {
    runs: outcomes.length,
    clients: sumOf(({ plan }) => plan.clients),
    edits: sumOf(({ edits }) => edits),
    faults: sumOf(({ plan }) => plan.events.filter((event) => 'fault' in event).length),
    restarts: sumOf(({ plan }) => plan.events.filter((event) => 'restart' in event).length),
    greenSamples: sumOf(({ greenSamples }) => greenSamples),
    falseGreens: sumOf(({ falseGreens }) => falseGreens.length),
    runsWithFalseGreens: seedsWhere(({ falseGreens }) => falseGreens.length > 0),
    stuckClients: sumOf(({ stuck }) => stuck.length),
    runsStuck: seedsWhere(({ stuck }) => stuck.length > 0),
    timeToGreen: percentiles(outcomes.flatMap(({ timesToGreen }) => timesToGreen)),
    timeToEqual: percentiles(outcomes.flatMap(({ timeToEqual }) => timeToEqual ?? [])),
  };
}

function percentiles(numbers: number[]): Summary['timeToGreen'] {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

/** A summary as a Markdown table. */
export function toTable(summary: Summary): string {
  const { timeToGreen, timeToEqual } = summary;
  const times = ({ p50, p99, max }: Summary['timeToGreen']): string => `${p50} / ${p99} / ${max} ms`;
  const seeds = (list: number[]): string => (list.length === 0 ? '' : ` (seeds ${list.join(', ')})`);
  const rows = [
    ['runs', summary.runs],
    ['clients', summary.clients],
    ['edits', summary.edits],
    ['network faults that began or ended', summary.faults],
    ['server restarts', summary.restarts],
    ['looks at a green light', summary.greenSamples],
    ['**false greens**', `${summary.falseGreens}${seeds(summary.runsWithFalseGreens)}`],
    ['**clients stuck**', `${summary.stuckClients}${seeds(summary.runsStuck)}`],
    ['last fault → green, p50 / p99 / longest', times(timeToGreen)],
    ['last fault → all equal, p50 / p99 / longest', times(timeToEqual)],
  ];
  return ['| what | result |', '|---|---|', ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join(
    '\n',
  );
}
