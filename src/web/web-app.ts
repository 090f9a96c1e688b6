import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { makeDataDir } from '../foundation/files/data-dir.js';
import { copyWebBuild, findWebBuild } from './web-build.js';

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

/** Expo's bundler puts an MD5 of the content into the names of the files that the page loads. */
const HASH_IN_NAME = /[-.][0-9a-f]{32}\.\w+$/;

/** Where the library's names differ from those that browsers and RFC 9239 use. */
const MEDIA_TYPES = [
  { suffix: '.js', type: 'text/javascript; charset=utf-8' },
  { suffix: '.ico', type: 'image/x-icon' },
];

/**
 * Serves the web app with its page at `/`. The app's routes are in the fragment, so every other path is a file of the
 * build or unknown, except `/documents`, which people type. Without an app, `/` redirects to the API's documentation.
 * @param folders `webDir` as the option WEB_DIR; the server keeps its copy of the app in `dataDir`
 * @throws AppStartError when `webDir` names a folder without an app
 */
export async function serveWebApp(
  server: FastifyInstance,
  { webDir, dataDir }: { webDir: string | null; dataDir: string },
): Promise<void> {
  const build = findWebBuild(webDir);
  if (!build) {
    server.get('/', (_, reply) => reply.redirect('/docs'));
    return;
  }
  const copies = join(dataDir, 'web');
  makeDataDir(copies);
  const root = copyWebBuild(build, copies);
  await server.register(async (scope) => {
    scope.addHook('onSend', describeFile);
    await scope.register(fastifyStatic, {
      root,
      wildcard: false, // one route for each file, so that no other path reaches the disk
      globIgnore: ['**/*.br', '**/*.gz'],
      preCompressed: true,
      acceptRanges: false,
      cacheControl: false,
      lastModified: false,
      decorateReply: false,
    });
  });
  server.get('/documents', (_, reply) => reply.redirect('/#/documents'));
}

/** Sets the headers that the library leaves out or sets otherwise. */
async function describeFile({ routeOptions }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (reply.statusCode >= 400) return;
  const path = routeOptions.url ?? '';
  const media = MEDIA_TYPES.find(({ suffix }) => path.endsWith(suffix));
  if (media) void reply.type(media.type);
  void reply
    .headers(SECURITY_HEADERS)
    .header('cache-control', HASH_IN_NAME.test(path) ? CACHE_FOR_EVER : CACHE_AND_ASK)
    // The library calls its ETags weak, but those of the copy identify the bytes.
    .header('etag', String(reply.getHeader('etag')).replace('W/', ''));
}
