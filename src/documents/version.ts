import { randomBytes } from 'node:crypto';

/** The number of a version of a document's content; pairs are compared by epoch, then by version. */
export interface Pair {
  epoch: number;
  version: number;
}

/**
 * A version of a document's content. The mark is random: when the database goes back in time (a snapshot put back, a failover
 * that lost commits), a number is used twice, but never with the same mark. Versions that one process makes one after another
 * share theirs. Null: not known, as with versions from before there were marks.
 */
export interface Version extends Pair {
  mark: string | null;
}

/**
 * The content that an epoch began with, by which working copies are named. Its mark, which is that of its first version, tells
 * it from an epoch that the database has lost.
 */
export type Content = Pick<Version, 'epoch' | 'mark'>;

/** The version of a document without content. */
export const NO_CONTENT: Version = { epoch: 0, version: 0, mark: null };

/** A mark as it is written. */
export const MARK_PATTERN = /^[0-9a-f]{16}$/;

const VERSION_TEXT = /^(\d{1,15})-(\d{1,15})(?:-([0-9a-f]{16}))?$/;

/** A mark for a new version. */
export function newMark(): string {
  return randomBytes(8).toString('hex');
}

/** A version as a text, such as in an ETag: `2-1-0f6c2d9ab01e3457`, or `2-1` without a mark. */
export function versionText({ epoch, version, mark }: Version): string {
  return mark === null ? `${epoch}-${version}` : `${epoch}-${version}-${mark}`;
}

/** The version that a text names; null: it is no version's text. */
export function parseVersionText(text: string): Version | null {
  const match = VERSION_TEXT.exec(text);
  return match && { epoch: Number(match[1]), version: Number(match[2]), mark: match[3] ?? null };
}

/**
 * Whether a client means the current version. Clients from before there were marks name none; then only the numbers count,
 * as they did for them before.
 */
export function isMeant(named: Version, current: Version): boolean {
  if (named.epoch !== current.epoch || named.version !== current.version) return false;
  return named.mark === null || named.mark === current.mark;
}

/** Whether both are the same content. */
export function isSame(a: Version, b: Version): boolean {
  return a.epoch === b.epoch && a.version === b.version && a.mark === b.mark;
}
