/** Rows of one body, and the versions that they end: `upTo` is null where the last version goes on in the next body. */
export interface CutBody<Row> {
  rows: Row[];
  upTo: number | null;
}

/** What one body may hold. */
export interface BodyLimits {
  rows: number;
  bytes: number;
}

/**
 * Cuts rows, which are in the order of their versions, into bodies. A version stays whole where it fits into one body; a
 * larger one begins a body of its own.
 * @param sizeOf at most so many bytes a row takes in a body
 */
export function cutBodies<Row extends { version: number }>(
  rows: readonly Row[],
  limits: BodyLimits,
  sizeOf: (row: Row) => number,
): CutBody<Row>[] {
  const bodies: CutBody<Row>[] = [];
  let open: CutBody<Row> = { rows: [], upTo: null };
  let bytes = 0;
  const end = (upTo: number | null): void => {
    if (open.rows.length > 0) bodies.push({ ...open, upTo });
    open = { rows: [], upTo: null };
    bytes = 0;
  };
  const fits = (count: number, size: number): boolean =>
    open.rows.length + count <= limits.rows && bytes + size <= limits.bytes;

  for (const version of byVersion(rows)) {
    const last = open.rows.at(-1)?.version ?? null;
    if (!fits(version.length, sum(version, sizeOf))) end(last);
    for (const row of version) {
      if (open.rows.length > 0 && !fits(1, sizeOf(row))) end(null);
      open.rows.push(row);
      bytes += sizeOf(row);
    }
  }
  end(open.rows.at(-1)?.version ?? null);
  return bodies;
}

function byVersion<Row extends { version: number }>(rows: readonly Row[]): Row[][] {
  const groups: Row[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    if (group?.[0]?.version === row.version) group.push(row);
    else groups.push([row]);
  }
  return groups;
}

function sum<Row>(rows: readonly Row[], sizeOf: (row: Row) => number): number {
  return rows.reduce((total, row) => total + sizeOf(row), 0);
}
