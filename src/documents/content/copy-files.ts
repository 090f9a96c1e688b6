import { rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DocumentRef } from '../../locks/lock.js';
import { NO_CONTENT, type Content } from '../version.js';

const COPY_NAME = /^([0-9a-f]+)[/\\]([0-9a-f]+)[/\\]([a-z0-9_]+)[/\\](\d+)(?:-([0-9a-f]{16}))?\.db$/;

/**
 * The path of a working copy below the folder of one process. Folder names are ids in hexadecimal: ids may differ only in
 * case, which some file systems ignore.
 */
export function workingCopyPath(
  root: string,
  { accountId, videoId, kind }: DocumentRef,
  { epoch, mark }: Content,
): string {
  const name = mark === null ? `${epoch}.db` : `${epoch}-${mark}.db`;
  return join(root, toHex(accountId), toHex(videoId), kind, name);
}

/** The folder of a document's working copies. */
export function folderOfCopies(root: string, ref: DocumentRef): string {
  return dirname(workingCopyPath(root, ref, NO_CONTENT));
}

/** What a path below the root names; null: no working copy. */
export function parseCopyPath(path: string): { ref: DocumentRef; content: Content } | null {
  const match = COPY_NAME.exec(path);
  if (!match) return null;
  const [, account = '', video = '', kind = '', epoch = '', mark = null] = match;
  const ref = { accountId: fromHex(account), videoId: fromHex(video), kind };
  return { ref, content: { epoch: Number(epoch), mark } };
}

/** Whether a process ended while it wrote the copy: SQLite's journal is left, by which the engine rolls a half batch back. */
export async function wasLeftOpen(path: string): Promise<boolean> {
  return (await stat(`${path}-journal`).catch(() => null)) !== null;
}

/** Removes a working copy. Its journal goes with it, as it would be played back into a later file of that name. */
export async function removeFiles(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}-journal`, { force: true });
}

const toHex = (text: string) => Buffer.from(text).toString('hex');
const fromHex = (hex: string) => Buffer.from(hex, 'hex').toString();
