import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { AppPage } from './app-page.js';

const AXE = readFileSync(join(process.cwd(), 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');

interface Finding {
  rule: string;
  impact: string | null | undefined;
  help: string;
  elements: string[];
}

/** The findings of axe on the current page that have serious or critical impact. */
export async function seriousFindings({ page }: AppPage): Promise<Finding[]> {
  // Evaluated, not added as a script: the page's policy would refuse that.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, help, nodes }) => ({
      rule: id,
      impact,
      help,
      elements: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} — ${failureSummary ?? ''}`),
    }));
}
