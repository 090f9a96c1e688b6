import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptsEncoding } from '../foundation/http/accept-encoding.js';
import { packageVersion } from '../foundation/config/package-version.js';
import type { Config } from '../foundation/config/config.js';
import type { Schema } from '../protocol/schema.js';
import { TABLES_PAGE_POLICY, tablesPage } from './tables-page.js';
import { findWebBuild, isOwnWebApp, readWebBuild, type WebFile } from './web-build.js';

const SERVICE_WORKER = 'service-worker.js';

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

const CACHE_FOR_EVER = 'public, max-age=31536000, immutable';
/** Browsers may keep the file, but must check each time whether it changed. */
const CACHE_AND_ASK = 'no-cache';

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
 * @throws AppStartError when WEB_DIR names a folder without an app
 */
export function serveWebApp(server: FastifyInstance, config: Config, schema: Schema): void {
  const front = frontPage(config);
  const folder = findWebBuild(config.webDir);
  if (front === 'docs') server.get('/', (_, reply) => reply.redirect('/docs'));
  if (front === 'tables') serveTablesPage(server, config, schema, folder !== null);
  if (!folder) return;
  const page = front === 'app' ? '/' : '/documents';
  for (const file of readWebBuild(folder)) {
    // It would keep the app's page as that of `/`.
    if (front === 'tables' && file.path === SERVICE_WORKER) continue;
    const path = file.path === 'index.html' ? page : `/${encodeURI(file.path)}`;
    server.get(path, (request, reply) => sendFile(file, request, reply));
  }
  if (front === 'app') server.get('/documents', (_, reply) => reply.redirect('/#/documents'));
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

function sendFile(file: WebFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const encoding = file.encodings.find(({ name }) => acceptsEncoding(request, name));
  // A strong ETag identifies the bytes that are sent, which differ between encodings.
  const etag = encoding ? file.etag.replace(/"$/, `-${encoding.name}"`) : file.etag;
  void reply
    .headers(SECURITY_HEADERS)
    .header('cache-control', file.isImmutable ? CACHE_FOR_EVER : CACHE_AND_ASK)
    .header('etag', etag)
    .header('vary', 'accept-encoding');
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
  if (encoding) void reply.header('content-encoding', encoding.name);
  return reply.type(file.mediaType).send(encoding?.body ?? file.body);
}

/** Whether If-None-Match lists this ETag. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
