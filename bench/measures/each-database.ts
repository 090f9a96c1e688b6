import type { Lab } from '../lab/lab.js';
import type { World } from '../lab/world.js';
import type { Findings } from '../results.js';

/** The results on one database. */
export type Results = Omit<Findings, 'notes'>;

/** Runs a measure on a fresh database of each kind. */
export async function onEachDatabase(
  lab: Lab,
  notes: string[],
  measureOn: (world: World) => Promise<Results>,
): Promise<Findings> {
  const findings: Findings = { figures: [], claims: [], notes };
  for (const database of lab.settings.databases) {
    await using world = await lab.open(database);
    const { figures, claims } = await measureOn(world);
    findings.figures.push(...figures);
    findings.claims.push(...claims);
  }
  return findings;
}
