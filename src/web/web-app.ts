import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../foundation/config/config.js';
import { packageVersion } from '../foundation/config/package-version.js';
import type { Schema } from '../protocol/schema.js';
import { TABLES_PAGE_POLICY, tablesPage } from './tables-page.js';
import { copyWebBuild, findWebBuild, isOwnWebApp } from './web-build.js';

/**
 * The page may run its own scripts and talk to the server that it came from, also over the socket.
 * React Native for Web writes its styles into the page.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** The demo's engine is WebAssembly in a worker, and one of its pages shows others of them side by side. */
const DEMO_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

const PAGE = 'index.html';
/** The pages of live documents within the app's build, and their address. */
const DEMO = 'documents/demo';
const DEMO_PAGES: Record<string, string> = {
  [`/${DEMO}`]: `${DEMO}/index.html`,
  [`/${DEMO}/side-by-side`]: `${DEMO}/side-by-side.html`,
};
/** The folder of a build may have hidden files; its copy has only those in .well-known. */
const HIDDEN = ['**/.!(well-known)', '**/.!(well-known)/**'];

const CACHE_FOR_EVER = 'public, max-age=31536000, immutable';
/** Browsers may keep the file, but must check each time whether it changed. */
const CACHE_AND_ASK = 'no-cache';

/** Expo's bundler puts an MD5 of the content into the names of the files that the page loads. */
const HASH_IN_NAME = /[-.][0-9a-f]{32}\.\w+$/;

/** Where the library's names differ from those that browsers and RFC 9239 use. */
const MEDIA_TYPES = [
  { suffix: '.js', type: 'text/javascript; charset=utf-8' },
  { suffix: '.ico', type: 'image/x-icon' },
];

/** What is served at `/`: the web app, the page about own tables, or the API's documentation. */
export type FrontPage = 'app' | 'tables' | 'docs';

/**
 * Own tables have a page of their own, as the scorekeeping app cannot show them; but WEB_DIR may name an app that can.
 * @throws AppStartError when WEB_DIR names a folder without an app
 */
export function frontPage({ tables, webDir }: Pick<Config, 'tables' | 'webDir'>): FrontPage {
  if (tables !== null && !isOwnWebApp(webDir)) return 'tables';
  return findWebBuild(webDir) ? 'app' : 'docs';
}

/**
 * Serves the web app with its page at `/`. The app's routes are in the fragment, so every other path is a file of the
 * build or unknown, except `/documents`, which people type. Without an app, `/` redirects to the API's documentation.
 * With own tables the app has the page of documents alone, at `/documents`.
 * @returns why the app is served from the folder of its build and not from a copy, as on a full disk; null: it is not
 * @throws AppStartError when WEB_DIR names a folder without an app
 */
export async function serveWebApp(
  server: FastifyInstance,
  config: Config,
  schema: Schema,
): Promise<string | null> {
  const front = frontPage(config);
  const build = findWebBuild(config.webDir);
  if (front === 'docs') server.get('/', (_, reply) => reply.redirect('/docs'));
  if (front === 'tables') serveTablesPage(server, config, schema, build !== null);
  if (front === 'app') server.get('/documents', (_, reply) => reply.redirect('/#/documents'));
  return build ? serveFiles(server, config, build, front === 'app') : null;
}

/** @param isAtRoot whether the app's page is at `/`; else at `/documents` */
async function serveFiles(
  server: FastifyInstance,
  { dataDir, databaseUrl }: Config,
  build: string,
  isAtRoot: boolean,
): Promise<string | null> {
  let root = resolve(build);
  let fault: string | null = null;
  try {
    root = resolve(copyWebBuild(build, join(dataDir, 'web'), databaseUrl !== null)); // DATA_DIR may be relative
  } catch (error) {
    // Serving it from where it is works, too, until a new build changes files that pages have loaded in part.
    fault = (error as Error).message;
  }
  await server.register(async (scope) => {
    scope.addHook('onSend', describeFile);
    await scope.register(fastifyStatic, {
      root,
      wildcard: false, // one route for each file, so that no other path reaches the disk
      // The service worker would keep the app's page as that of `/`.
      globIgnore: ['**/*.br', '**/*.gz', ...HIDDEN, ...(isAtRoot ? [] : [PAGE, 'service-worker.js'])],
      serveDotFiles: true, // for .well-known
      preCompressed: true,
      acceptRanges: false,
      cacheControl: false,
      lastModified: false,
    });
    if (!isAtRoot) scope.get('/documents', (_, reply) => reply.sendFile(PAGE));
    if (!existsSync(join(root, DEMO))) return; // an app of someone's own
    for (const [path, page] of Object.entries(DEMO_PAGES))
      scope.get(path, (_, reply) => reply.sendFile(page));
  });
  return fault;
}

function serveTablesPage(
  server: FastifyInstance,
  config: Config,
  schema: Schema,
  hasDocuments: boolean,
): void {
  const { databaseUrl, apiPrefix } = config;
  const database = databaseUrl ? 'postgres' : 'sqlite';
  const page = tablesPage({ version: packageVersion(), database, schema, apiPrefix, hasDocuments });
  const headers = { ...SECURITY_HEADERS, 'content-security-policy': TABLES_PAGE_POLICY };
  server.get('/', (_, reply) =>
    reply.headers(headers).header('cache-control', CACHE_AND_ASK).type('text/html; charset=utf-8').send(page),
  );
}

/** Sets the headers that the library leaves out or sets otherwise. */
async function describeFile({ routeOptions }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (reply.statusCode >= 400) return;
  const path = routeOptions.url ?? '';
  const media = MEDIA_TYPES.find(({ suffix }) => path.endsWith(suffix));
  if (media) void reply.type(media.type);
  const isOfDemo = path.startsWith(`/${DEMO}`);
  void reply
    .headers(SECURITY_HEADERS)
    .header('content-security-policy', isOfDemo ? DEMO_POLICY : CONTENT_SECURITY_POLICY)
    .header('cache-control', HASH_IN_NAME.test(path) ? CACHE_FOR_EVER : CACHE_AND_ASK)
    // The library calls its ETags weak, but those of the copy identify the bytes.
    .header('etag', String(reply.getHeader('etag')).replace('W/', ''));
}
