import type { FastifyReply } from 'fastify';

const EXPOSED_HEADERS = ['Tidemark-Rows', 'Retry-After', 'X-Request-Id', 'ETag', 'Content-Range'];

/** What @fastify/cors needs to know. @param corsOrigins as `normalizeOrigins` writes them */
export function corsOptions(corsOrigins: string) {
  return {
    origin: corsOrigins === '*' ? '*' : corsOrigins.split(','),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  };
}

/**
 * The same headers, for answers that are sent before @fastify/cors runs.
 * @param corsOrigins as `normalizeOrigins` writes them; null: no page of another origin may read the answer
 * @param origin of the request
 */
export function corsHeaders(corsOrigins: string | null, origin: string | undefined): Record<string, string> {
  if (corsOrigins === null) return {};
  const exposed = { 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') };
  if (corsOrigins === '*') return { ...exposed, 'access-control-allow-origin': '*' };
  const isAllowed = origin !== undefined && corsOrigins.split(',').includes(origin);
  return { ...exposed, vary: 'Origin', ...(isAllowed && { 'access-control-allow-origin': origin }) };
}

/** Adds a field to `Vary`, which may hold `Origin` already: without it a cache would mix up the answers for two pages. */
export function addVary(reply: FastifyReply, field: string): void {
  const present = reply.getHeader('vary');
  void reply.header('vary', present === undefined ? field : `${String(present)}, ${field}`);
}
