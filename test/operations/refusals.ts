import type { CommandResult } from '../support/server-process.js';

/** Expects one plain line on stderr, no stack and no log line of the same fault, and an exit code for it. */
export function expectOneLine(result: CommandResult, pattern: RegExp): void {
  expect(result.signal).toBeNull();
  expect(result.code).toBeGreaterThan(0);
  const lines = result.stderr.trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(pattern);
  expect(result.stdout).not.toMatch(/^[^{\s]/m); // nothing among the log's lines that is none
  expect(result.stdout + result.stderr).not.toMatch(/^\s+at |node:internal|\.js:\d+/m);
}
