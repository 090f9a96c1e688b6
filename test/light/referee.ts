import type { ColumnValue } from '../../src/protocol/columns.js';
import type { Edit } from './edits.js';
import type { History, Values } from './history.js';
import type { Cell, LocalRows } from './local-rows.js';
import { EDIT_GRACE_MS, type Green, type Watch } from './watch.js';

/** How far behind the server a green light may be. */
export const MAX_AGE_MS = 4_000;

const SHOWN_DIFFERENCES = 6;

/** A light that was falsely green. */
export interface FalseGreen {
  device: string;
  /** Epoch ms. */
  at: number;
  /** A description of what was wrong. */
  what: string;
}

/** The observations of one device's light; see Watch. */
export type Seen = Pick<Watch, 'device' | 'greens' | 'syncedAt' | 'forgetful'>;

/** Compares all observations of a device with the server's history and the device's own edits. */
export function judge(history: History, watch: Seen, edits: readonly Edit[]): FalseGreen[] {
  const { device } = watch;
  return [
    ...watch.greens.flatMap((green) => {
      const what = findStaleness(history, green);
      return what === null ? [] : [{ device, at: green.lastAt, what }];
    }),
    ...edits.flatMap((edit) => {
      const arrivedAt = arrivalOf(edit, edits, history);
      const lie = watch.syncedAt.find((at) => at > edit.at + EDIT_GRACE_MS && at < arrivedAt);
      if (lie === undefined) return [];
      const arrival = arrivedAt === Infinity ? 'never' : `${arrivedAt - lie} ms later`;
      const what = `synced, ${lie - edit.at} ms after ${describe(edit)}, which reached the server ${arrival}`;
      return [{ device, at: lie, what }];
    }),
    ...watch.forgetful.map((at) => ({
      device,
      at,
      what: 'synced with rows that the device itself has down as unacknowledged',
    })),
  ];
}

/**
 * As `judge`, when the server's data was put back in between: what it acknowledged and lost makes a later green false. The
 * light may be behind by `MAX_AGE_MS`, also behind that moment. Of the edits from before, a person has decided.
 * @param lost what the server had until its data was put back, and when that was, epoch ms
 * @param history what it had afterwards
 */
export function judgeAcrossRollBack(
  lost: { at: number; history: History },
  history: History,
  { device, greens, syncedAt, forgetful }: Seen,
  edits: readonly Edit[],
): FalseGreen[] {
  const end = lost.at + MAX_AGE_MS;
  const seen = (isMeant: (at: number) => boolean): Seen => ({
    device,
    greens: greens.filter(({ lastAt }) => isMeant(lastAt)),
    syncedAt: syncedAt.filter(isMeant),
    forgetful: forgetful.filter(isMeant),
  });
  const between = greens.filter(({ lastAt }) => lastAt >= lost.at && lastAt < end);
  return [
    ...judge(
      lost.history,
      seen((at) => at < lost.at),
      edits,
    ),
    ...between.flatMap((green) => {
      const what = findStaleness(history, green);
      return what === null || findStaleness(lost.history, green) === null
        ? []
        : [{ device, at: green.lastAt, what }];
    }),
    ...judge(
      history,
      seen((at) => at >= end),
      edits.filter(({ at }) => at > lost.at),
    ),
  ];
}

/** @returns null when the rows are the server's data as of some moment within 4 s before the sample, or later */
export function findStaleness(history: History, { rows, lastAt }: Green): string | null {
  const oldest = history.versionAt(lastAt - MAX_AGE_MS);
  for (let version = history.last; version >= oldest; version -= 1) {
    if (isEqual(history, version, rows)) return null;
  }
  for (let version = oldest - 1; version >= 0; version -= 1) {
    if (!isEqual(history, version, rows)) continue;
    const age = lastAt - history.stamps[version + 1]!;
    return `green with data that was replaced on the server ${age} ms before; missing: ${listDifferences(history, history.versionAt(lastAt), rows).join('; ')}`;
  }
  const differences = Array.from({ length: history.last - oldest + 1 }, (_, index) =>
    listDifferences(history, oldest + index, rows),
  );
  const [nearest] = differences.sort((a, b) => a.length - b.length);
  return `green with data that the server never had; compared with what comes nearest: ${nearest!.slice(0, SHOWN_DIFFERENCES).join('; ')}`;
}

/** The differences between a device's rows and the server's newest version. */
export function differencesAtTheEnd(history: History, rows: LocalRows): string[] {
  const waiting = [...rows].filter(([, { unacknowledged }]) => unacknowledged.length > 0);
  return [
    ...waiting.map(([key]) => `${key} is still unacknowledged`),
    ...listDifferences(history, history.last, rows),
  ];
}

/**
 * When an edit reached the server or was superseded, epoch ms; Infinity: never.
 * @param edits all edits on the device, in order
 */
export function arrivalOf(edit: Edit, edits: readonly Edit[], history: History): number {
  const { key, column, value } = edit;
  const written = history.firstWrite(
    key,
    (values) => values === null || (column !== null && values[column] === value),
  );
  // The device overwrote the edit before the server got it.
  const overtaken = edits
    .slice(edits.indexOf(edit) + 1)
    .find((later) => later.key === key && (later.column === column || later.column === null));
  return Math.min(written === null ? Infinity : Math.max(written, edit.at), overtaken?.at ?? Infinity);
}

function isEqual(history: History, version: number, rows: LocalRows): boolean {
  for (const key of history.keys()) {
    if (!isSame(history.valuesAt(key, version), rows.get(key))) return false;
  }
  for (const [key, cell] of rows) {
    if (!isSame(history.valuesAt(key, version), cell)) return false;
  }
  return true;
}

function isSame(values: Values | null, cell: Cell | undefined): boolean {
  if (cell?.unacknowledged === 'row') return true;
  if (cell === undefined || values === null) return cell === undefined && values === null;
  const { unacknowledged } = cell;
  return values.every((value, index) => value === cell.values[index] || unacknowledged.includes(index));
}

function listDifferences(history: History, version: number, rows: LocalRows): string[] {
  const keys = new Set([...history.keys(), ...rows.keys()]);
  return [...keys].flatMap((key) => {
    const [values, cell] = [history.valuesAt(key, version), rows.get(key)];
    return isSame(values, cell)
      ? []
      : [`${key}: server ${show(values)}, device ${show(cell?.values ?? null)}`];
  });
}

const show = (values: readonly ColumnValue[] | null): string =>
  values === null ? 'nothing' : JSON.stringify(values);

const describe = ({ key, column, value }: Edit): string =>
  column === null ? `deleting ${key}` : `writing ${JSON.stringify(value)} to ${key}`;
