import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { makeDataDir } from '../foundation/files/data-dir.js';
import { mayBeDiskFull } from '../foundation/files/disk-full.js';

/** The folder where `npm start` builds the web app; the path is the same from the sources and from the compiled server. */
const BUILT_APP = fileURLToPath(new URL('../../mobile/dist', import.meta.url));
const OFF = 'off';
/** Others look here for what they need to know of a site, such as phones for its apps (RFC 8615). */
const WELL_KNOWN = '.well-known';
const UNFINISHED = '.unfinished-';

/** Other processes on the same data folder may still serve earlier builds. */
const KEPT_COPIES = 3;
const KEPT_MS = 60 * 60_000;

/**
 * Finds the folder of the web app to serve; null: none.
 * @param webDir the folder; null: the one that `npm start` builds, if there is one; `off`: none
 * @throws AppStartError when `webDir` names a folder without an app
 */
export function findWebBuild(webDir: string | null): string | null {
  if (webDir === OFF) return null;
  const folder = webDir ?? BUILT_APP;
  if (existsSync(join(folder, 'index.html'))) return folder;
  if (webDir === null) return null;
  throw new AppStartError(`There is no web app in ${webDir}: WEB_DIR must be a folder with an index.html.`);
}

/** Whether a web app of someone's own is to be served. */
export function isOwnWebApp(webDir: string | null): boolean {
  return webDir !== null && webDir !== OFF;
}

/**
 * Copies a web app into a folder named by the hash of its content, so that a new build on disk does not mix with the
 * one that is served. Removes copies that were last used long ago; on a full disk all others that no process can use.
 * @param copies the folder of all copies, made if it is missing
 * @param isShared whether other processes may serve earlier copies
 * @returns the copy's folder
 * @throws Error when it cannot be made, as on a full disk; no part of it is left
 */
export function copyWebBuild(build: string, copies: string, isShared: boolean): string {
  makeDataDir(copies);
  const files = listFiles(build);
  const name = hashOf(files);
  const copy = join(copies, name);
  const isComplete = () => existsSync(copy) && hashOf(listFiles(copy)) === name;
  if (!isComplete()) {
    // A power cut may have left a part of a copy.
    rmSync(copy, { recursive: true, force: true });
    try {
      makeCopy(files, build, copies, copy);
    } catch (error) {
      if (!isComplete()) {
        if (!mayBeDiskFull(error)) throw error;
        removeOldCopies(copies, isShared ? KEPT_MS : 0, 0);
        makeCopy(files, build, copies, copy);
      }
    }
  }
  for (const { path, hash } of listFiles(copy)) utimesSync(join(copy, path), ...sameTimes(hash));
  utimesSync(copy, new Date(), new Date());
  removeOldCopies(copies, KEPT_MS, KEPT_COPIES);
  return copy;
}

function makeCopy(files: BuiltFile[], build: string, copies: string, copy: string): void {
  const unfinished = mkdtempSync(join(copies, UNFINISHED));
  try {
    for (const { path } of files) cpSync(join(build, path), join(unfinished, path));
    renameSync(unfinished, copy);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

interface BuiltFile {
  /** Below the build's folder, such as `_expo/static/js/web/index-….js`. */
  path: string;
  hash: Buffer;
}

/** All files of a build, sorted by path; what is hidden is not part of it, except `.well-known`. */
function listFiles(folder: string): BuiltFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter((path) => !path.split('/').some((name) => name.startsWith('.') && name !== WELL_KNOWN))
    .sort()
    .map((path) => ({ path, hash: sha256(readFileSync(join(folder, path))) }));
}

function hashOf(files: BuiltFile[]): string {
  const list = files.map(({ path, hash }) => `${hash.toString('hex')} ${path}\n`).join('');
  return sha256(list).toString('hex').slice(0, 32);
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}

/** `@fastify/static` makes ETags of size and time of change; a time made of the content makes them identify the content. */
function sameTimes(hash: Buffer): [Date, Date] {
  const time = new Date(hash.readUIntBE(0, 5)); // 40 bits: a date before 2005, which every file system can store
  return [time, time];
}

/** @param keptMs keeps those that were used so lately @param count of the others, keeps so many of the newest */
function removeOldCopies(copies: string, keptMs: number, count: number): void {
  readdirSync(copies)
    .map((name) => join(copies, name))
    // Another process may have removed it since it was listed.
    .map((path) => ({ path, usedAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.usedAt - a.usedAt)
    .slice(count)
    .filter(({ usedAt }) => usedAt <= Date.now() - keptMs)
    .forEach(({ path }) => rmSync(path, { recursive: true, force: true }));
}
