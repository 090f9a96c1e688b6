import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptsEncoding } from '../foundation/http/accept-encoding.js';
import { findWebBuild, readWebBuild, type WebFile } from './web-build.js';

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

/**
 * Serves the web app with its page at `/`. The app's routes are in the fragment, so every other path is a file of the
 * build or unknown, except `/documents`, which people type. Without an app, `/` redirects to the API's documentation.
 * @param webDir as the option WEB_DIR
 * @throws AppStartError when `webDir` names a folder without an app
 */
export function serveWebApp(server: FastifyInstance, webDir: string | null): void {
  const folder = findWebBuild(webDir);
  if (!folder) {
    server.get('/', (_, reply) => reply.redirect('/docs'));
    return;
  }
  for (const file of readWebBuild(folder)) {
    const path = file.path === 'index.html' ? '/' : `/${encodeURI(file.path)}`;
    server.get(path, (request, reply) => sendFile(file, request, reply));
  }
  server.get('/documents', (_, reply) => reply.redirect('/#/documents'));
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
