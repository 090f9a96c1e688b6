import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppStartError } from '../foundation/errors/app-start-error.js';

/** One file of the web app, held in memory: a new build on disk cannot mix two versions. */
export interface WebFile {
  /** Path below the build's folder, such as `_expo/static/js/web/index-….js`. */
  path: string;
  mediaType: string;
  /** Identifies the content, quotes included. */
  etag: string;
  /** Whether the name changes with the content, so that browsers may cache the file for ever. */
  isImmutable: boolean;
  body: Buffer;
  /** The body compressed at build time, best first; empty when the build holds no compressed copies. */
  encodings: { name: 'br' | 'gzip'; body: Buffer }[];
}

/** The folder where `npm start` builds the web app; the path is the same from the sources and from the compiled server. */
const BUILT_APP = fileURLToPath(new URL('../../mobile/dist', import.meta.url));
const OFF = 'off';

const ENCODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

const MEDIA_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
};

/** Expo's bundler puts an MD5 of the content into the names of the files that the page loads. */
const HASH_IN_NAME = /[-.][0-9a-f]{32}\.\w+$/;

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

/** Reads every file of a web app. */
export function readWebBuild(folder: string): WebFile[] {
  return listFiles(folder).map((path) => readFile(folder, path));
}

/** Paths of all files below the folder except the compressed copies. */
function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter((path) => !ENCODINGS.some(({ suffix }) => path.endsWith(suffix)))
    .sort();
}

function readFile(folder: string, path: string): WebFile {
  const body = readFileSync(join(folder, path));
  return {
    path,
    mediaType: MEDIA_TYPES[extname(path)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    isImmutable: HASH_IN_NAME.test(path),
    body,
    encodings: ENCODINGS.filter(({ suffix }) => existsSync(join(folder, path + suffix))).map(
      ({ name, suffix }) => ({ name, body: readFileSync(join(folder, path + suffix)) }),
    ),
  };
}
