import type { Settings } from '../lab/lab.js';
import type { Findings } from '../results.js';
import type { Machine } from './machine.js';
import { claimCells, figureCells, profileCells, verdict, type Outcome } from './text.js';

/** The contents of a report. */
export interface Report {
  startedAt: Date;
  machine: Machine;
  settings: Settings;
  outcomes: Outcome[];
  /** null: the peer was measured, or no measure wanted it. */
  whyNoPeer: string | null;
}

const METHOD = [
  'All contenders are processes of their own on this one machine, with databases on a real disk, and are measured in',
  'turns. Figures are medians of the rounds with their span; ratios are ratios of medians. Load comes from autocannon,',
  'in a process of its own, over 32 kept-alive connections; bodies are not compressed. A commit waits for the disk in',
  'Tidemark, naive and raw alike (SQLite: WAL and `synchronous=FULL`; PostgreSQL: `fsync` and `synchronous_commit`',
  'on), but not in the peer, whose LevelDB writes without waiting. Requests/s times the processor time of a request',
  'tells how busy a server was: where that is far below one second, the generator, the disk or the processes of',
  'PostgreSQL were the limit.',
].join('\n');

/** The report as Markdown. */
export function toMarkdown({ startedAt, machine, settings, outcomes, whyNoPeer }: Report): string {
  const claims = outcomes.flatMap(({ findings }) => findings?.claims ?? []);
  const met = claims.filter(({ isMet }) => isMet).length;
  return [
    '# Bench',
    `${startedAt.toISOString().slice(0, 10)}, by \`npm run bench\`: ${settings.rounds} rounds, bursts of load of ${settings.seconds} s. ${met} of ${claims.length} targets are met.`,
    ...(whyNoPeer === null ? [] : [`**The peer (pouchdb-server) was left out: ${whyNoPeer}**`]),
    METHOD,
    '## Targets',
    table(['Compared', 'Value', 'Target', 'Verdict'], claims.map(claimCells)),
    ...outcomes.flatMap(describeOutcome),
    '## Machine',
    table(['', ''], machine),
    '',
  ].join('\n\n');
}

function describeOutcome({ measure, findings, failure }: Outcome): string[] {
  const title = `## ${measure.title}`;
  if (failure !== undefined) return [title, `This measure failed:\n\n\`\`\`\n${failure}\n\`\`\``];
  return [
    title,
    table(['Contender', 'Quantity', 'Median', 'Span'], findings.figures.map(figureCells)),
    findings.notes.map((note) => `- ${note}`).join('\n'),
    ...describeShortfalls(findings),
  ];
}

/** The unmet claims with their reasons; claims about the same thing share one list and one profile. */
function describeShortfalls({ claims }: Findings): string[] {
  const unmet = claims.filter(({ isMet }) => !isMet);
  return [...new Set(unmet.map(({ profile }) => profile))].flatMap((profile) => {
    const group = unmet.filter((claim) => claim.profile === profile);
    const list = group.map((claim) =>
      `- **${verdict(claim)}**: ${claim.compares}. ${claim.reason ?? ''}`.trimEnd(),
    );
    if (!profile) return [list.join('\n')];
    const heading = "Where the server's time goes meanwhile:";
    return [list.join('\n'), heading, table(['Share', 'Function'], profile.map(profileCells))];
  });
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
